"use strict";
// The page's behaviour. What each card shows lies in it as text (base64), and becomes a picture when it comes near.
(() => {
  const all = (selector, place = document) => [...place.querySelectorAll(selector)];
  const list = document.getElementById("cards");
  const cards = all(".card", list);
  const links = new WeakMap();

  // Pictures and clips, made once each.
  function link(part) {
    if (!links.has(part)) {
      const text = atob(part.textContent);
      const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      links.set(part, URL.createObjectURL(new Blob([bytes], { type: part.dataset.type })));
      part.textContent = "";
    }
    return links.get(part);
  }

  function fill(card, element, name) {
    const part = card.querySelector(`script[data-part="${name}"]`);
    element.hidden = !part; // Pictures of different shapes have no part in common.
    if (part && element.dataset.shows !== name) {
      element.dataset.shows = name;
      element.src = link(part);
    }
  }

  function open(card) {
    const close = card.querySelector(".stage.close") ? "-detail" : "";
    for (const element of all("img, video", card)) {
      fill(card, element, element.dataset.side + (element.localName === "img" ? close : ""));
    }
  }

  // Before and after.
  function prepareStage(card, stage) {
    stage.style.setProperty("--ratio", stage.dataset.ratio);
    const slide = stage.querySelector(".slide");
    if (!slide) return;
    const show = () => {
      stage.style.setProperty("--at", `${slide.value}%`);
      slide.setAttribute("aria-valuetext", `${Math.round(slide.value)} % before`);
    };
    const follow = (event) => {
      const box = stage.getBoundingClientRect();
      slide.value = (100 * (event.clientX - box.left)) / box.width;
      show();
    };
    slide.addEventListener("input", show);
    // A range's own thumb would be half its width off at the sides, and some touch screens only let it be dragged.
    slide.addEventListener("pointerdown", (event) => {
      follow(event);
      slide.setPointerCapture(event.pointerId);
    });
    slide.addEventListener("pointermove", (event) => {
      if (slide.hasPointerCapture(event.pointerId)) follow(event);
    });
    slide.addEventListener("change", show);
    show();
  }

  // The part at 1:1.
  function prepareViews(card) {
    const spot = card.querySelector(".spot");
    if (spot) {
      const [left, top, width, height] = spot.dataset.place.split(" ");
      Object.assign(spot.style, { left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` });
    }
    const stage = card.querySelector(".stage");
    const pair = card.querySelector(".pair");
    for (const button of all("button[data-view]", card)) {
      button.addEventListener("click", () => {
        for (const other of all("button[data-view]", card)) other.setAttribute("aria-pressed", String(other === button));
        const isClose = button.dataset.view === "detail";
        stage.classList.toggle("close", isClose);
        if (pair) {
          pair.hidden = isClose;
          stage.hidden = !isClose;
        }
        open(card);
      });
    }
  }

  // Clips: the result leads, the source follows.
  function prepareClips(card) {
    const pair = card.querySelector(".pair");
    if (!pair) return;
    pair.style.setProperty("--ratio", pair.dataset.ratio);
    const clips = all("video", pair);
    const lead = clips[clips.length - 1];
    const play = card.querySelector(".play");
    const seek = card.querySelector(".seek");
    if (!lead || !play) return;
    const inStep = (most) => {
      for (const clip of clips) {
        if (clip !== lead && Math.abs(clip.currentTime - lead.currentTime) > most) clip.currentTime = lead.currentTime;
      }
    };
    const begin = () => {
      open(card);
      inStep(0.01);
      for (const clip of clips) clip.play().catch(() => {});
    };
    play.addEventListener("click", () => (lead.paused ? begin() : clips.forEach((clip) => clip.pause())));
    lead.addEventListener("play", () => (play.textContent = "Pause"));
    lead.addEventListener("pause", () => {
      play.textContent = "Play";
      inStep(0.01);
    });
    lead.addEventListener("timeupdate", () => {
      inStep(0.1);
      if (lead.duration) seek.value = (100 * lead.currentTime) / lead.duration;
    });
    lead.addEventListener("ended", () => {
      for (const clip of clips) clip.currentTime = 0;
      begin();
    });
    seek.addEventListener("input", () => {
      open(card);
      if (lead.duration) lead.currentTime = (seek.value / 100) * lead.duration;
      inStep(0.01);
    });
  }

  // Which cards, and in which order.
  const number = (name) => (one, other) => Number(other.dataset[name] || -1) - Number(one.dataset[name] || -1);
  const names = new Intl.Collator("en", { numeric: true });
  const orders = {
    newest: (one, other) => one.dataset.place - other.dataset.place,
    longest: number("seconds"),
    dearest: number("price"),
    name: (one, other) => names.compare(one.dataset.name, other.dataset.name),
  };
  const tools = document.getElementById("tools");
  const shown = document.getElementById("shown");

  function choose() {
    const state = tools.querySelector("input[name=state]:checked").value;
    let count = 0;
    for (const card of cards) {
      card.hidden = state !== "all" && card.dataset.state !== state;
      if (!card.hidden) count += 1;
    }
    shown.textContent = `${count} of ${cards.length} shown`;
  }

  function sort() {
    const order = orders[document.getElementById("sort").value];
    list.append(...[...cards].sort((one, other) => order(one, other) || orders.newest(one, other)));
  }

  // On paper before and after stand side by side, all of them.
  const openAll = () => cards.filter((card) => !card.hidden).forEach(open);
  window.addEventListener("beforeprint", openAll);
  document.getElementById("print").addEventListener("click", async () => {
    openAll();
    await Promise.allSettled(all("img[src]").map((image) => image.decode()));
    window.print();
  });

  for (const card of cards) {
    all(".stage", card).forEach((stage) => prepareStage(card, stage));
    prepareViews(card);
    prepareClips(card);
  }
  tools.addEventListener("submit", (event) => event.preventDefault());
  for (const input of all("input[name=state]", tools)) input.addEventListener("change", choose);
  document.getElementById("sort").addEventListener("change", sort);
  choose();
  sort(); // A browser may remember choices when a page is loaded again.
  tools.hidden = cards.length < 2;
  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) {
          all("video", entry.target).forEach((clip) => clip.pause());
        } else {
          open(entry.target);
        }
      }
    },
    { rootMargin: "800px 0px" },
  );
  cards.forEach((card) => watcher.observe(card));
})();
