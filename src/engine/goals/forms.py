"""What a human may choose from or fill in: `options` of a choice, `fields` of a form."""

import re

from engine.goals.document import Listing, Table
from engine.goals.fields import Fields
from engine.goals.keys import FORM_FIELD
from engine.goals.problems import shown
from engine.model import FieldType, FormField

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}")
MOST = 100  # options of a choice, or fields of a form
EXAMPLE = "fields: [{name: version, type: text}]"


def read_options(inner: Fields, of: str) -> tuple[str, ...]:
    """The words that may be chosen: at least two, each once."""
    if not inner.has("options"):
        inner.problems.add(inner.line, f"{of} has no `options`", "write `options: [a, b]`")
        return ()
    words = [word.text.strip() for word in inner.words("options")]
    line = inner.line_of("options")
    if not 2 <= len(words) <= MOST:
        inner.problems.add(line, f"{of} has {len(words)} options", f"write two or more, at most {MOST}")
    for word in sorted({word for word in words if words.count(word) > 1}):
        inner.problems.add(line, f"the option {shown(word)} stands there twice", "remove one of them")
    return tuple(words)


def read_form_fields(inner: Fields) -> tuple[FormField, ...]:
    """The fields in order, each name once."""
    node = inner.node("fields")
    if not isinstance(node, Listing) or not node.items:
        inner.problems.add(inner.line_of("fields"), "a form has no list of `fields`", f"write `{EXAMPLE}`")
        return ()
    if len(node.items) > MOST:
        inner.problems.add(node.line, f"a form has {len(node.items)} fields", f"write at most {MOST}")
        return ()
    read: dict[str, FormField] = {}
    for item in node.items:
        if not isinstance(item, Table):
            inner.problems.add(item.line, "a field is not a mapping", f"write `{EXAMPLE}`")
            continue
        field = _field(Fields(item, "a field", FORM_FIELD, inner.variables))
        if field is not None and field.name in read:
            inner.problems.add(item.line, f"the field {shown(field.name)} stands there twice", "rename one of them")
        elif field is not None:
            read[field.name] = field
    return tuple(read.values())


def _field(fields: Fields) -> FormField | None:
    name, kind = fields.text("name"), fields.choice("type", FieldType) or FieldType.TEXT
    if name is None:
        if not fields.has("name"):
            fields.problems.add(fields.line, "a field has no `name`", f"write `{EXAMPLE}`")
        return None
    if NAME.fullmatch(name) is None:
        fields.problems.add(fields.line_of("name"), f"{shown(name)} is not a name", "letters, digits, `_` and `-`")
        return None
    options: tuple[str, ...] = ()
    if kind is FieldType.CHOICE:
        options = read_options(fields, "a field of type `choice`")
    elif fields.has("options"):
        fields.problems.add(fields.line_of("options"), f"`options` in a field of type `{kind}`", "write `type: choice`")
    required = fields.flag("required")
    return FormField(
        name=name, type=kind, label=(fields.text("label") or "").strip(),
        required=True if required is None else required, options=options,
    )  # fmt: skip
