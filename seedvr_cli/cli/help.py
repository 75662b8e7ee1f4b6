"""`seedvr help`."""

from typing import Annotated

import typer

from seedvr_cli.cli.completion import help_words

Word = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TOPIC]...", help="A command or a topic.", show_default=False, autocompletion=help_words),
]


def help(topic: Word = None) -> None:  # noqa: A001 - the command's name
    """Show the help of a command, or a topic.

    Without a word it shows what there is.
    """
    from seedvr_cli.cli.help_text import columns, write, write_topic
    from seedvr_cli.cli.topics import TOPICS
    from seedvr_cli.render.colour import wants_colour
    from seedvr_cli.values.errors import UsageError
    from seedvr_cli.values.words import nearest

    words, width, colour = " ".join(topic or ()), columns(), wants_colour()
    if words in TOPICS:
        text = write_topic(TOPICS[words], width, colour=colour)
    else:
        from seedvr_cli.cli.surface import describe_all

        faces = {face.name: face for face in describe_all().walk()}
        if words not in faces:
            raise UsageError(f"help: there is no command and no topic {words!r}{nearest(words, [*TOPICS, *faces])}",
                             hint=f"topics are {', '.join(TOPICS)}")  # fmt: skip
        text = write(faces[words], width, colour=colour)
    print(text)
