"""What a field of an event may hold, and the text that is kept of it (contract, section 1)."""

import re
from datetime import datetime, timedelta

MAX_SECONDS = 2**53 - 1
ENTITIES = ('service', 'state', 'task')


class Number(str):
    """A JSON number as it was spelled, told from a JSON string by its type."""


# Each reader returns the text to keep, or None for a value that the field does not allow.

def read_code(value):
    """A string, or a signed 64-bit integer as the string of its digits."""
    if type(value) is str:
        return value
    if type(value) is Number and len(value) <= 20 and value.lstrip('-').isdigit() and -2**63 <= int(value) < 2**63:
        return str(int(value))
    return None


def read_id(value):
    code = read_code(value)
    return code if code and '\0' not in code else None


def read_seconds(value):
    is_count = type(value) is Number and value.isdigit() and len(value) <= 16 and int(value) <= MAX_SECONDS
    return str(value) if is_count else None


def read_text(value):
    return value if type(value) is str else None


def read_name(value):
    return value if type(value) is str and value else None


def read_entity(value):
    return value if type(value) is str and value in ENTITIES else None


def read_extensions(value):
    return value if type(value) is dict and '' not in value else None


TIME = re.compile(
    r'([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?'
    r'(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))'
)


def read_time(value):
    """The instant as `YYYY-MM-DDTHH:mm:ss.SSSZ`; texts of this form sort as the instants do."""
    match = TIME.fullmatch(value) if type(value) is str else None
    if match is None:
        return None
    *parts, fraction, sign, hours, minutes = match.groups()
    try:
        time = datetime(*map(int, parts))
        if sign:
            ahead = timedelta(hours=int(hours), minutes=int(minutes))
            time = time - ahead if sign == '+' else time + ahead
    except (ValueError, OverflowError):
        return None
    if not 1970 <= time.year <= 2200:
        return None
    return f'{time.isoformat()}.{(fraction or "")[:3]:0<3}Z'


READERS = {
    'service_id': read_id, 'state_id': read_id, 'task_id': read_id, 'previous_state_id': read_id,
    'est_duration': read_seconds, 'disposition_desc': read_text, 'timestamp': read_time, 'extensions': read_extensions,
}
