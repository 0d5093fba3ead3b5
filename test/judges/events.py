"""Reads the lines of NDJSON logs, and decodes each into an event or a reject (contract, section 1)."""

import gzip
import json
import re
from collections import namedtuple

from fields import READERS, Number, read_code, read_entity, read_extensions, read_id, read_name, read_time

MAX_RECORD_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 512
BYTE_ORDER_MARK = b'\xef\xbb\xbf'
WHITE_SPACE = b' \t\r\n'

OCCASION = (
    'timestamp', 'session_id', 'interaction_id', 'application_type',
    'application_id', 'resource_type', 'resource_id', 'media_type',
)
OWN_ID = {'services': 'service_id', 'states': 'state_id', 'tasks': 'task_id'}
TABLE_OF_ENTITY = {'service': 'services', 'state': 'states', 'task': 'tasks'}

# What one event does to one row: columns it sets, extensions it merges.
Change = namedtuple('Change', 'table own_id columns extensions')
# changes is None for service.deleted.
Event = namedtuple('Event', 'service_id changes')


class Reject(Exception):
    """Why a record is quarantined. Raised by the checks below, returned by `decode`."""

    def __init__(self, reason, field=None):
        super().__init__(reason, field)
        self.reason = reason
        self.field = field


def read_lines(path):
    """Yields the records of one log file, plain or gzip, without their line ends."""
    with open(path, 'rb') as file:
        packed = file.read(2) == b'\x1f\x8b'
    with (gzip.open if packed else open)(path, 'rb') as file:
        for number, line in enumerate(file):
            if number == 0 and line.startswith(BYTE_ORDER_MARK):
                line = line[len(BYTE_ORDER_MARK):]
            if not line.strip(WHITE_SPACE):
                continue
            if line.endswith(b'\n'):
                yield line[:-2] if line.endswith(b'\r\n') else line[:-1]
            elif is_whole_json(line):
                # A last line without a line end that is no whole JSON is still being written: no record yet.
                yield line


def is_whole_json(line):
    try:
        parse_strictly(line.decode('utf-8'))
    except ValueError:
        return False
    except RecursionError:
        # Far deeper than allowed: a record to quarantine, whether or not it is whole.
        pass
    return True


def decode(line):
    """Returns the Event of one record, or the Reject that says why it is quarantined."""
    try:
        return decode_members(parse(line))
    except Reject as reject:
        return reject


def parse(line):
    """The record's JSON object. Python's dict gives a repeated name its first place and last value, as we need."""
    if len(line) > MAX_RECORD_BYTES:
        raise Reject('TOO_LARGE')
    try:
        text = line.decode('utf-8')
        if line.count(b'[') + line.count(b'{') > MAX_DEPTH and depth(text) > MAX_DEPTH:
            raise Reject('MALFORMED')
        record = parse_strictly(text)
        if '\\u' in text and SURROGATE.search(text):
            # Looked for in the text, as the values of repeated names are no longer in the record.
            for string in STRING.findall(text):
                json.loads(string).encode('utf-8')
    except ValueError:
        raise Reject('MALFORMED') from None
    if type(record) is not dict:
        raise Reject('MALFORMED')
    return record


def refuse_constant(name):
    raise ValueError(f'{name} is no JSON')


parse_strictly = json.JSONDecoder(parse_int=Number, parse_float=Number, parse_constant=refuse_constant).decode
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
SURROGATE = re.compile(r'\\u[dD][89a-fA-F]')


def depth(text):
    """How many objects and arrays are open at once, the outermost included."""
    deepest = level = 0
    for bracket in re.findall(r'[\[\]{}]', STRING.sub('', text)):
        level += 1 if bracket in '[{' else -1
        deepest = max(deepest, level)
    return deepest


def decode_members(record):
    """Checks what is missing first, then what is wrong, each in the order of the contract's table."""
    name = record.get('event')
    if type(name) is not str or name not in KINDS:
        raise Reject('UNKNOWN_KIND', 'event')
    if name == 'extension.updated':
        return extension_update(record)
    if name == 'state.transitioned':
        record = with_dotted_names(record)
    required, rules = KINDS[name]
    require(record, required)
    columns = read_fields(record, rules)
    service_id = columns['service_id']
    if name == 'service.deleted':
        return Event(service_id, None)
    if name == 'state.transitioned':
        return Event(service_id, transition(columns))
    if name == 'service.associated':
        columns.pop('start_timestamp', None)
    table = TABLE_OF_ENTITY[name.split('.')[0]]
    extensions = columns.pop('extensions', None)
    return Event(service_id, (Change(table, columns[OWN_ID[table]], columns, extensions),))


def require(record, names):
    for name in names:
        if record.get(name) is None:
            raise Reject('MISSING_FIELD', name)


def read_fields(record, rules):
    """The columns that the record carries, as texts; null is the same as absent."""
    columns = {}
    for name, read, column in rules:
        value = record.get(name)
        if value is not None:
            value = read(value)
            if value is None:
                raise Reject('BAD_FIELD', name)
            columns[column] = value
    return columns


def with_dotted_names(record):
    """The members of a transition in one dict: `from.state_id` for state_id of `from`."""
    known = {name: record.get(name) for name in ('service_id', *OCCASION, 'extensions')}
    for side in ('from', 'to'):
        members = record.get(side)
        if members is None:
            continue
        if type(members) is not dict:
            raise Reject('BAD_FIELD', side)
        for name, value in members.items():
            known[f'{side}.{name}'] = value
    return known


def transition(columns):
    """A transition completes the state `from` and starts the state `to`, at the same occasion."""
    ended, started = ({'service_id': columns['service_id']} for _ in range(2))
    for column, value in columns.items():
        side, _, name = column.partition('.')
        if side == 'from':
            ended[name] = value
        elif side == 'to':
            started[name] = value
        elif column.startswith('start_'):
            started[column] = value
            ended[column.replace('start_', 'end_', 1)] = value
    started['previous_state_id'] = ended['state_id']
    return (
        Change('states', ended['state_id'], ended, None),
        Change('states', started['state_id'], started, columns.get('extensions')),
    )


def extension_update(record):
    """Sets one extension; here, and only here, a null is a value."""
    require(record, ('service_id', 'entity', 'name'))
    if 'value' not in record:
        raise Reject('MISSING_FIELD', 'value')
    entity = record['entity']
    table = TABLE_OF_ENTITY.get(entity) if type(entity) is str else None
    own_id = OWN_ID[table or 'services']
    require(record, (own_id,))
    columns = read_fields(record, (
        ('service_id', read_id, 'service_id'), ('entity', read_entity, 'entity'), ('name', read_name, 'name'),
        (own_id, read_id, own_id), ('timestamp', read_time, 'timestamp'),
    ))
    ids = {'service_id': columns['service_id'], own_id: columns[own_id]}
    return Event(ids['service_id'], (Change(table, ids[own_id], ids, {columns['name']: record['value']}),))


def kind(required, optional='', side=None, timestamp=True):
    """The names a kind requires, and its rules (name, reader, column) in the order of the contract's table."""
    names = required.split() + optional.split()
    rules = [(name, READERS.get(name.split('.')[-1], read_code), name) for name in names]
    if side:
        rules += [(name, READERS.get(name, read_code), f'{side}_{name}') for name in OCCASION]
        rules.append(('extensions', read_extensions, 'extensions'))
    return required.split() + (['timestamp'] if side and timestamp else []), rules


# The columns of a transition keep their dotted names until `transition` hands them to its two rows.
KINDS = {
    'service.started': kind('service_id', 'service_type customer_id contact_key est_duration', 'start'),
    'service.associated': kind('service_id customer_id', '', 'start', timestamp=False),
    'service.completed': kind('service_id', 'disposition disposition_desc', 'end'),
    'service.deleted': kind('service_id'),
    'state.started': kind('service_id state_id', 'state_type previous_state_id est_duration', 'start'),
    'state.completed': kind('service_id state_id', 'disposition disposition_desc', 'end'),
    'state.transitioned': kind(
        'service_id from.state_id to.state_id',
        'from.disposition from.disposition_desc to.state_type to.est_duration', 'start'),
    'task.started': kind('service_id task_id', 'state_id task_type est_duration', 'start'),
    'task.completed': kind('service_id task_id', 'disposition disposition_desc', 'end'),
    'extension.updated': None,
}
