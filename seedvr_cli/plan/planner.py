"""From SOURCE words to items: which files and URLs, for which endpoint, under which name. Nothing is sent."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from seedvr_cli.plan.defaults import with_defaults
from seedvr_cli.plan.formats import file_facts, named_format, own_format
from seedvr_cli.plan.lists import Entry
from seedvr_cli.plan.sources import LONGEST_URL, UnfitSource, expand, plain_source
from seedvr_cli.plan.wishes import Wishes
from seedvr_cli.values.errors import BadLine, SeedvrError, SourceRefused, UsageError
from seedvr_cli.values.items import Purchase
from seedvr_cli.values.naming import Output, absolute, parse_output, safe_name
from seedvr_cli.values.options import option_name, read, read_item
from seedvr_cli.values.parameter import SAME
from seedvr_cli.values.request import (
    SIZE_FLAGS,
    Request,
    Source,
    build_request,
    choose_endpoint,
    identifying_params,
    job_key,
    named_identity,
)
from seedvr_cli.values.urls import is_plain_url
from seedvr_cli.values.version import Version

# Recipes that are kept: a list may give every line options of its own.
LARGEST_COOKBOOK = 1024


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of a request but its source: the same for most lines of a list, and so made and checked once.

    `identifying` is what of its parameters is part of a job's key, `own` the options that only such lines have,
    `tags` the user's labels.
    """

    request: Request
    output: Output
    identifying: str
    own: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()

    @property
    def follows(self) -> bool:
        """Whether the format is the source's own, and so not known yet (-f same)."""
        return any(
            one.follows and self.request.params.get(one.wire) == SAME for one in self.request.endpoint.parameters
        )


@dataclass(slots=True, eq=False)
class Prospect:
    """Something to buy, before it is worth a whole item: one line of a list, or one SOURCE.

    `key` is what "the same request" means, `key_name` the user's own name for it; `where` names it for error messages;
    `entry` is its line; `problem` what is wrong with that. `refusal` is why nothing can be bought. `follow`: its format
    is that of the source, which has to be seen first; it takes media type and codec, and gives what takes its place,
    which has the version that was `seen`.
    """

    index: int
    key: str
    source: Source
    recipe: Recipe
    key_name: str | None = None
    entry: Entry | None = None
    where: str | None = None
    problem: str | None = None
    refusal: SeedvrError | None = None
    follow: Callable[[str | None, str | None], "Prospect"] | None = None
    seen: Version | None = None

    @property
    def trouble(self) -> SeedvrError | None:
        """Why there is nothing to buy, if so."""
        return BadLine(self.problem) if self.problem is not None else self.refusal

    def item(self) -> Purchase:
        """The item, with everything that its life needs."""
        template = self.recipe.request
        return Purchase(
            index=self.index,
            key=self.key,
            request=Request(template.endpoint, self.source, template.params, template.notify, template.headers),
            output=self.recipe.output,
            key_name=self.key_name,
            tags=self.recipe.tags,
            line=self.where,
            raw=self.entry.raw if self.entry else None,
            number=self.entry.number if self.entry else None,
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
        _check_name(recipe, self.wishes.key, "--key is not given")
        for source in expand(word, self.wishes):
            yield self._prospect(source, recipe, self.wishes.key)

    def prospect(self, source: Source) -> Prospect:
        """The prospect of a source that is known, without options of its own."""
        return self._prospect(source, self.recipe({}), None)

    def line(self, entry: Entry, name: str) -> Iterator[Prospect]:
        """The prospects of one line of the list `name`; one with a `problem` where the line is wrong."""
        where = f"{name}:{entry.number}"
        try:
            if entry.problem is not None:
                raise UsageError(entry.problem)  # noqa: TRY301 - one way for all that is wrong with a line
            key_name, own = _own_key(entry.options)
            recipe = self.recipe(own)
            _check_name(recipe, key_name, "the line has no key")
            if len(entry.source) <= LONGEST_URL and is_plain_url(entry.source):  # as `expand` would; most end here
                yield self._prospect(plain_source(entry.source, self.wishes), recipe, key_name, entry, where)
                return
            sources = list(expand(entry.source, self.wishes))
            if key_name is not None and len(sources) > 1:
                raise UsageError(f"key: one name, and there are {len(sources)} sources")  # noqa: TRY301 - as above
            for source in sources:
                yield self._prospect(source, recipe, key_name, entry, where)
        except UsageError as error:
            text = entry.source or entry.raw[:200]
            source = Source(text, text, text, safe_name(text))
            prospect = self._prospect(source, self.recipe({}), None, entry, where)
            prospect.problem = error.message
            yield prospect

    def _prospect(
        self, source: Source, recipe: Recipe, key_name: str | None, entry: Entry | None = None, where: str | None = None
    ) -> Prospect:  # fmt: skip
        self._count += 1
        prospect = Prospect(self._count, self._key(source, recipe, key_name), source, recipe, key_name, entry, where)
        if isinstance(source, UnfitSource):
            prospect.refusal = source.refusal
        if not recipe.follows or prospect.refusal is not None:
            return prospect

        def follow(media_type: str | None, codec: str | None) -> Prospect:
            return self._in_own_format(prospect, media_type, codec)

        if source.identity.startswith("sha256:"):
            return follow(*file_facts(source.text))
        prospect.follow = follow
        return prospect

    def _in_own_format(self, prospect: Prospect, media_type: str | None, codec: str | None) -> Prospect:
        """The prospect with its source's own format, or with a refusal."""
        own = {written: value for written, value in prospect.recipe.own.items() if option_name(written) != "format"}
        try:
            word = own_format(prospect.recipe.request.endpoint, media_type, codec)
            recipe = self.recipe({**own, "format": word})
        except SourceRefused as error:
            return replace(prospect, refusal=error, follow=None)
        except UsageError as error:
            message = f"{error.message} (-f {SAME} is what the source is)"
            if prospect.entry is not None:
                return replace(prospect, problem=message, follow=None)
            return replace(prospect, refusal=UsageError(message, hint=error.hint), follow=None)
        key = self._key(prospect.source, recipe, prospect.key_name)
        return replace(prospect, key=key, recipe=recipe, follow=None)

    def _key(self, source: Source, recipe: Recipe, key_name: str | None) -> str:
        identity = source.identity if key_name is None else named_identity(key_name)
        return job_key(self._gateway, recipe.request.endpoint.name, recipe.identifying, identity)

    def recipe(self, own: Mapping[str, Any]) -> Recipe:
        """The recipe for an item's own options (by flag name); UsageError says what is wrong with them."""
        try:
            known = json.dumps(own, sort_keys=True) if own else ""
        except (TypeError, ValueError) as error:  # what a program hands over may be anything
            raise UsageError(f"its options are none that JSON has: {error}") from error
        recipe = self._recipes.get(known)
        if recipe is None:
            recipe = self._recipes[known] = self._make(own)
            if len(self._recipes) > LARGEST_COOKBOOK:
                del self._recipes[next(iter(self._recipes))]
        return recipe

    def _make(self, own: Mapping[str, Any]) -> Recipe:
        wishes = self.wishes
        chosen = read_item(own)
        model, output = chosen.pop("model", None), chosen.pop("output", wishes.output)
        if output == "-" and wishes.output != "-":
            raise UsageError("output: '-' is not a file, a folder or a template")
        extra = {**wishes.extra, **chosen.pop("param", {})}
        tags = tuple(dict.fromkeys((*wishes.tags, *chosen.pop("tag", ()))))
        endpoint = choose_endpoint(wishes.endpoint.kind, model) if model else wishes.endpoint
        options = wishes.options
        if any(flag in SIZE_FLAGS for flag in chosen):
            options = {flag: value for flag, value in options.items() if flag not in SIZE_FLAGS}
        given = chosen.get("format") or options.get("format") or extra.get("output_format")
        named = named_format(output, endpoint, given if isinstance(given, str) else None)
        own_calls = {"webhook"} if wishes.calls_us else set()
        defaults = {flag: value for flag, value in wishes.defaults.items() if flag not in own_calls}
        options = with_defaults(defaults, endpoint, {**options, **chosen, **({"format": named} if named else {})})
        if named is not None and named == endpoint.usual_format:
            options.pop("format", None)  # the request is the same without
        request = build_request(endpoint, Source("", "", "", ""), options, extra, calls_us=wishes.calls_us)
        return Recipe(
            request,
            parse_output(output, request.params, is_tree=wishes.recursive),
            identifying_params(endpoint, request.params),
            own,
            tags,
        )


def plan(words: Iterable[str], wishes: Wishes, gateway: str = "") -> list[Prospect]:
    """All prospects, checked. Raises UsageError for anything that could not be sent or written."""
    planner = Planner(wishes, gateway)
    prospects = [prospect for word in words for prospect in planner.word(word)]
    if not prospects:
        raise UsageError("no SOURCE: give a URL, a file or a folder", hint=f"'seedvr {wishes.endpoint.kind} --help'")
    if len(prospects) > 1 and wishes.key is not None:
        raise UsageError(f"--key {wishes.key}: one name, and there are {len(prospects)} sources",
                         hint="a list has a column 'key'")  # fmt: skip
    output = prospects[0].recipe.output
    if len(prospects) > 1 and output.kind != "template":
        what = "standard output takes one source" if output.kind == "stdout" else "one file name"
        raise UsageError(f"-o {wishes.output}: {what}, and there are {len(prospects)} sources",
                         hint="give a folder (big/) or a template such as '{stem}-{index}{ext}'")  # fmt: skip
    check_output_folder(output)
    return prospects


def check_output_folder(output: Output) -> None:
    """UsageError where results could not be written, before anything is paid; a run asks a store of objects itself."""
    if output.is_object:
        from seedvr_cli.objects.opening import check_url

        check_url(output.folder)
    elif output.kind != "stdout":
        check_folder(output.folder)


def check_folder(folder: str) -> None:
    """UsageError where results could not be written, before anything is paid."""
    existing = absolute(folder)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UsageError(f"-o: {existing} is in the way: it is not a folder")
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise UsageError(f"-o: cannot write in {existing}: {error.strerror}") from error


def _check_name(recipe: Recipe, key_name: str | None, problem: str) -> None:
    if key_name is None and recipe.output.uses("key"):
        raise UsageError(f"-o: {{key}} is empty, as {problem}")
    if not recipe.tags and recipe.output.uses("tag"):
        raise UsageError("-o: {tag} is empty, as there is no --tag")


def _own_key(options: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
    """A line's own name for its job, and its other options: those are the same for many lines, names are not."""
    if not options:
        return None, options
    names = [written for written in options if option_name(written) == "key"]
    others = {written: value for written, value in options.items() if written not in names}
    return (read("key", options[names[0]], "key") if names else None), others
