"""From SOURCE words to items: which files and URLs, for which endpoint, under which name. Nothing is sent."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seedvr_cli.plan.lists import Entry
from seedvr_cli.plan.sources import expand, is_plain_url
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.catalog import ENDPOINTS, Endpoint, check
from seedvr_cli.values.errors import UsageError
from seedvr_cli.values.job import Item, Job
from seedvr_cli.values.naming import Output, parse_output, safe_name, source_name
from seedvr_cli.values.request import KEY_LENGTH, SIZE_FLAGS, Request, Source, build_request, canonical, choose_endpoint
from seedvr_cli.values.words import nearest

# Recipes that are kept: a list may give every line options of its own.
LARGEST_COOKBOOK = 1024
# What an item of a list may set for itself: the request's flags, and where its result goes.
ITEM_OPTIONS = frozenset(
    {"model", "output", "param", "webhook", "webhook-mode"}
    | {parameter.flag for endpoint in ENDPOINTS.values() for parameter in endpoint.parameters if parameter.flag}
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of a request but its source: the same for most lines of a list, and so made and checked once."""

    request: Request
    output: Output
    digest: "hashlib._Hash"

    def key(self, source: str) -> str:
        """The key of the request for the source with this identity; see `request.identity`."""
        digest = self.digest.copy()
        digest.update(source.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:KEY_LENGTH]


@dataclass(slots=True, eq=False)
class Prospect:
    """Something to do, before it is worth a whole item: one line of a list, or one SOURCE.

    `where` names it for error messages; `entry` is its line; `problem` what is wrong with that.
    """

    index: int
    source: Source
    recipe: Recipe
    entry: Entry | None = None
    where: str | None = None
    problem: str | None = None

    def item(self) -> Item:
        """The item, with everything that its life needs."""
        template = self.recipe.request
        request = Request(template.endpoint, self.source, template.params, template.notify, template.headers)
        name = template.endpoint.name
        return Item(
            self.index,
            self.source.text,
            self.source.name,
            name,
            self.recipe.output,
            request,
            None,
            self.where,
            self.entry.raw if self.entry else None,
        )


class Planner:
    """Makes prospects of SOURCE words and lines of lists. `gateway` is its identity in the ledger."""

    def __init__(self, wishes: Wishes, gateway: str = "") -> None:
        self.wishes = wishes
        self._gateway = gateway
        self._recipes: dict[str, Recipe] = {}
        self._count = 0

    def word(self, word: str) -> Iterator[Prospect]:
        """The prospects of one SOURCE; UsageError where there are none, or they are wrong."""
        recipe = self.recipe({})
        for source in expand(word, self.wishes):
            self._count += 1
            yield Prospect(self._count, source, recipe)

    def line(self, entry: Entry, name: str) -> Iterator[Prospect]:
        """The prospects of one line of the list `name`; one with a `problem` where the line is wrong."""
        where = f"{name}:{entry.number}"
        try:
            if entry.problem is not None:
                raise UsageError(entry.problem)  # noqa: TRY301 - one way for all that is wrong with a line
            recipe = self.recipe(entry.options)
            word = entry.source
            if is_plain_url(word):  # as `expand` would; most lines end here
                self._count += 1
                source = Source(word, word, word, source_name(word, self.wishes.endpoint.kind))
                yield Prospect(self._count, source, recipe, entry, where)
                return
            for source in expand(word, self.wishes):
                self._count += 1
                yield Prospect(self._count, source, recipe, entry, where)
        except UsageError as error:
            self._count += 1
            text = entry.source or entry.raw[:200]
            source = Source(text, text, text, safe_name(text))
            yield Prospect(self._count, source, self.recipe({}), entry, where, error.message)

    def recipe(self, own: Mapping[str, Any]) -> Recipe:
        """The recipe for an item's own options (by flag name); UsageError says what is wrong with them."""
        known = json.dumps(own, sort_keys=True) if own else ""
        recipe = self._recipes.get(known)
        if recipe is None:
            recipe = self._recipes[known] = self._make(own)
            if len(self._recipes) > LARGEST_COOKBOOK:
                del self._recipes[next(iter(self._recipes))]
        return recipe

    def _make(self, own: Mapping[str, Any]) -> Recipe:
        wishes = self.wishes
        options, extra, chosen = dict(wishes.options), dict(wishes.extra), dict[str, Any]()
        for written, value in own.items():
            flag = written.strip().lower().replace("_", "-")
            if flag == "param" and isinstance(value, dict):
                extra |= value
            elif flag in ITEM_OPTIONS:
                chosen[flag] = value
            else:
                raise UsageError(f"{written!r} is no option of an item{nearest(flag, ITEM_OPTIONS)}")
        kind, model, output = wishes.endpoint.kind, chosen.pop("model", None), chosen.pop("output", None)
        if output is not None and (not isinstance(output, str) or output == "-"):
            raise UsageError(f"output: {output!r} is not a file, a folder or a template")
        if model is not None and not isinstance(model, str):
            raise UsageError(f"model: {model!r} is not a model")
        endpoint = choose_endpoint(kind, model) if model else wishes.endpoint
        if any(flag in SIZE_FLAGS for flag in chosen):
            options = {flag: value for flag, value in options.items() if flag not in SIZE_FLAGS}
        options = with_defaults(wishes.defaults, endpoint, {**options, **chosen})
        request = build_request(endpoint, Source("", "", "", ""), options, extra)
        digest = hashlib.sha256(f"{self._gateway}\n{endpoint.name}\n{canonical(request.params)}\n".encode())
        return Recipe(request, parse_output(output if output is not None else wishes.output, request.params), digest)


def plan(words: Iterable[str], wishes: Wishes, gateway: str = "") -> list[Prospect]:
    """All prospects, checked. Raises UsageError for anything that could not be sent or written."""
    planner = Planner(wishes, gateway)
    prospects = [prospect for word in words for prospect in planner.word(word)]
    if not prospects:
        raise UsageError("no SOURCE: give a URL, a file or a folder", hint=f"'seedvr {wishes.endpoint.kind} --help'")
    output = prospects[0].recipe.output
    if len(prospects) > 1 and output.kind != "template":
        what = "standard output takes one source" if output.kind == "stdout" else "one file name"
        raise UsageError(f"-o {wishes.output}: {what}, and there are {len(prospects)} sources",
                         hint="give a folder or a template such as '{stem}-{index}{ext}'")  # fmt: skip
    check_output_folder(output)
    return prospects


def with_defaults(defaults: Mapping[str, Any], endpoint: Endpoint, options: Mapping[str, Any]) -> dict[str, Any]:
    """The request's options with the profile's defaults where they fit this endpoint."""
    chosen = dict(options)
    sized = any(options.get(flag) is not None for flag in SIZE_FLAGS)
    for flag, value in defaults.items():
        if chosen.get(flag) is not None or (flag in SIZE_FLAGS and sized):
            continue
        parameter = endpoint.by_flag(flag)
        if parameter is not None:
            try:
                check(parameter, value, flag, endpoint)
            except UsageError:
                continue  # it is another endpoint's default
        elif flag not in {"webhook", "webhook-mode"}:
            continue
        chosen[flag] = value
    if chosen.get("target") and chosen.get("scale") and not sized:
        chosen["scale"] = None  # both are stored: the resolution says more
    if not chosen.get("webhook") and not options.get("webhook-mode"):
        chosen["webhook-mode"] = None
    return chosen


def check_output_folder(output: Output) -> None:
    """UsageError where results could not be written, before anything is paid."""
    if output.kind != "stdout":
        check_folder(output.folder)


def attach_item(index: int, job: Job, output: str | None) -> Item:
    """An item for a job of the ledger: it goes where -o says, else where the command that paid for it meant it to."""
    chosen = parse_output(output if output is not None else job.output, job.params)
    label = job.name if job.source else job.request_id or job.name
    return Item(index, job.source, label, job.endpoint, chosen, job=job)


def check_folder(folder: str) -> None:
    """UsageError where results could not be written, before anything is paid."""
    existing = os.path.abspath(folder or ".")
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UsageError(f"-o: {existing} is in the way: it is not a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UsageError(f"-o: cannot write in {existing}: {error.strerror}") from error
