"""`seedvr config`."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from seedvr_cli.cli import options as o
from seedvr_cli.cli.completion import setting_names, setting_words

if TYPE_CHECKING:
    from seedvr_cli.settings.profile import Project

config = typer.Typer(
    help="Your key and defaults, by profile: get, set, unset, list, profiles, edit, path.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A flag's name, such as 'scale', or 'api-key'.", autocompletion=setting_names
    ),
]  # fmt: skip


@config.command("get")
def get(
    name: Name,
    *,
    json: o.Json = None,
    profile: o.Profile = None,
) -> None:
    """Print a stored value; exit code 1 where there is none. A key is not shown whole."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.render.settings import show
    from seedvr_cli.settings.file import load_own
    from seedvr_cli.settings.key import mask
    from seedvr_cli.settings.key_store import read_key
    from seedvr_cli.settings.known import setting_name
    from seedvr_cli.values.errors import SeedvrError

    key = setting_name(name, "config get")
    settings = load_own(profile)
    _tell_distrust(settings.project)
    written = dict(settings.written)
    if key == "api-key" and (secret := settings.values.get(key) or read_key(settings.profile)):
        written[key] = mask(secret)
    if key not in written:
        raise SeedvrError(f"{key} is not set", code="not_set")
    write_line(machine.line(written[key]) if json else show(written[key]))


@config.command("set")
def set_(
    name: Name,
    value: Annotated[
        str | None,
        typer.Argument(metavar="[VALUE]", help="Left out for api-key: it is asked for.", autocompletion=setting_words),
    ] = None,
    *,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Of api-key: into the system's keyring, not the file.")
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Of api-key: do not ask the gateway about it.")
    ] = False,
    quiet: o.Quiet = None,
    profile: o.Profile = None,
) -> None:
    """Store a default. 'config set api-key' asks without echo, or reads standard input when that is a pipe.

    The gateway is asked whether it takes the key; that costs nothing. A key counts in this order: the environment's,
    the file's, that of api-key-command, the keyring's.
    """
    from seedvr_cli.settings.file import chosen_profile, store
    from seedvr_cli.settings.known import SETTINGS, setting_name
    from seedvr_cli.settings.project import without_mistakes
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.options import as_stored

    key = setting_name(name, "config set")
    if key != "api-key" and (keyring or no_verify):
        raise UsageError(f"config set {key}: --keyring and --no-verify are for api-key")
    project = without_mistakes()
    if not quiet:
        _tell_distrust(project)
    profile, _ = chosen_profile(profile, project)
    if key == "api-key":
        from seedvr_cli.cli.config_key import set_key

        if value is not None:
            raise UsageError("config set api-key: a key on the command line shows in the list of processes",
                             hint="leave it out and it is asked for, or pipe it in")  # fmt: skip
        set_key(profile, keyring=keyring, verify=not no_verify, quiet=bool(quiet))
        return
    if value is None:
        raise UsageError(f"config set {key}: give a VALUE")
    path = store(profile, key, as_stored(SETTINGS[key].read(value, f"config set {key}"), value))
    if not quiet:
        print(f"seedvr: {key} is stored in {path} [{profile}]", file=sys.stderr)


@config.command("unset")
def unset(
    name: Name,
    *,
    quiet: o.Quiet = None,
    profile: o.Profile = None,
) -> None:
    """Remove a stored value; of api-key also the one in the keyring."""
    from seedvr_cli.settings.file import chosen_profile, load_own, read_document, store
    from seedvr_cli.settings.folders import config_file
    from seedvr_cli.settings.key_store import remove_key
    from seedvr_cli.settings.known import setting_name
    from seedvr_cli.settings.project import without_mistakes

    key = setting_name(name, "config unset")
    chosen, _ = chosen_profile(profile, without_mistakes())
    if key == "api-key" and chosen not in read_document(config_file()) and remove_key(chosen):
        return  # the keyring had one of a profile that is gone
    settings = load_own(profile)
    if not quiet:
        _tell_distrust(settings.project)
    is_stored = key in settings.written
    if is_stored:
        store(settings.profile, key, None)
    if not (key == "api-key" and remove_key(settings.profile)) and not is_stored and not quiet:
        print(f"seedvr: {key} was not set", file=sys.stderr)


@config.command("list")
def list_(
    *,
    all_: Annotated[bool, typer.Option("--all", help="Every setting there is, what holds, and who says so.")] = False,
    json: o.Json = None,
    profile: o.Profile = None,
) -> None:
    """Print what is stored, and where the key comes from. A key is never shown whole.

    With --all every setting: its value, its default, where the value comes from, and what it means; flags, which go
    before all of these, are not looked at.
    """
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.render.settings import print_settings, settings_object, show
    from seedvr_cli.settings.file import load, load_own
    from seedvr_cli.settings.key import KEYRING, find_key, mask
    from seedvr_cli.settings.survey import shown, survey
    from seedvr_cli.values.errors import KeyMissing

    settings = load(profile) if all_ else load_own(profile)  # what holds is not known without the project's
    project = settings.project
    if all_:
        rows = list(survey(settings, profile))
        if json:
            write_line(machine.line(settings_object(rows)))
        else:
            print_settings(rows)
            if not sys.stdout.isatty():
                return
            print(f"seedvr: profile {settings.profile} in {settings.path}", file=sys.stderr)
            _tell_project(project)
        return
    values = {name: shown(name, value) for name, value in settings.written.items()}
    if "api-key" in values:
        values["api-key"] = mask(settings.values["api-key"])
    if json:
        write_line(machine.line(values))
        return
    for key, value in values.items():
        write_line(f"{key} = {show(value)}")
    if "api-key-command" in settings.values:
        origin = "the key comes from api_key_command, if the environment has none"
    else:
        try:
            key, where = find_key(settings)
            origin = f"the key {mask(key)} {'is in' if where == KEYRING else 'comes from'} {where}"
        except KeyMissing as error:
            origin = f"{error.message}; {error.hint}"
    print(f"seedvr: profile {settings.profile}; {origin}", file=sys.stderr)
    _tell_project(project)


@config.command("profiles")
def profiles(
    *,
    json: o.Json = None,
) -> None:
    """Print the profiles of the config file, and mark the one in use."""
    from seedvr_cli.render import machine
    from seedvr_cli.render.results import write_line
    from seedvr_cli.render.settings import print_profiles
    from seedvr_cli.settings.file import chosen_profile, read_document
    from seedvr_cli.settings.folders import config_file
    from seedvr_cli.settings.project import without_mistakes

    chosen, said_by = chosen_profile(None, without_mistakes())
    found = [name for name, table in read_document(config_file()).items() if isinstance(table, dict)]
    names = list(dict.fromkeys(["default", *found]))
    if json:
        write_line(machine.line({"v": machine.VERSION, "profiles": names, "in_use": chosen}))
        return
    print_profiles(names, chosen)
    if said_by != "default":
        what = "" if chosen in names else ", which there is not"
        print(f"seedvr: {said_by} chooses {chosen}{what}", file=sys.stderr)


@config.command("edit")
def edit() -> None:
    """Edit the config file in $VISUAL or $EDITOR.

    A copy is edited, and put in place when there is no mistake in it; else you are told, and what you wrote is kept.
    """
    from seedvr_cli.cli.config_edit import edit_config

    edit_config()


@config.command("path")
def path() -> None:
    """Print the path of the config file.

    A project's file that goes before it is named on standard error.
    """
    from seedvr_cli.render.results import write_line
    from seedvr_cli.settings.folders import config_file
    from seedvr_cli.settings.project import without_mistakes

    write_line(config_file())
    _tell_project(without_mistakes())


def _tell_distrust(project: "Project | None") -> None:
    if project is not None and project.distrust:
        _tell_project(project)


def _tell_project(project: "Project | None") -> None:
    if project is not None:
        from seedvr_cli.render.talk import clean

        what = f"is not read: {project.distrust}" if project.distrust else "goes before it"
        print(clean(f"seedvr: project file {project.path} {what}"), file=sys.stderr)
