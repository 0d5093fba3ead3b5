"""Writes selected services as the files of an export: CSV, JSON and NDJSON (contract, section 4)."""

import re
from collections import namedtuple
from datetime import datetime, timedelta
from json.encoder import encode_basestring

from events import OCCASION
from fields import Number

START = tuple('start_' + name for name in (
    'application_type', 'session_id', 'media_type', 'application_id',
    'resource_type', 'interaction_id', 'resource_id', 'timestamp',
))
END = tuple('end_' + name for name in (
    'session_id', 'timestamp', 'media_type', 'interaction_id',
    'application_type', 'resource_type', 'application_id', 'resource_id',
))
CORE = {
    'services': (
        'service_id', 'service_type', 'contact_key', 'customer_id', 'is_anonymous', 'est_duration',
        'disposition', 'disposition_desc', *START, *END,
    ),
    'states': (
        'service_id', 'state_id', 'state_type', 'previous_state_id', 'est_duration',
        'disposition', 'disposition_desc', *START, *END,
    ),
    'tasks': (
        'service_id', 'task_id', 'task_type', 'state_id', 'est_duration',
        'disposition', 'disposition_desc', *START, *END,
    ),
}
NOT_QUOTED_IN_JSON = {'is_anonymous', 'est_duration'}
# `sample-services.ndjson` writes the timestamp of an occasion last.
OCCASION_IN_JSON = (*OCCASION[1:], 'timestamp')

# A file by the contract: how many rows, names of its columns (None where it has none), and its layouts: the text in
# pieces, a row each. There is one layout, but for JSON: where the line ends of an array stand is free.
File = namedtuple('File', 'rows columns layouts')


def build_files(services, request):
    """The files of one export by kind."""
    form = request.get('format', 'csv')
    if form == 'csv':
        rows = {
            'services': [service.row for service in services],
            'states': [row for service in services for row in service.states.values()],
            'tasks': [row for service in services for row in service.tasks.values()],
        }
        return {kind: csv_file(kind, rows[kind], request) for kind in CORE}
    texts = [service_text(service) for service in services]
    layouts = array_layouts(texts) if form == 'json' else [[text + '\n' for text in texts]]
    return {'services': File(len(texts), None, layouts)}


def csv_file(kind, rows, request):
    separator = request.get('separator', ',').replace('\\t', '\t')
    write_cell = cell_writer(separator)
    extensions = [extension_cells(row, request) for row in rows]
    paths = extension_columns(extensions, request)
    columns = [*CORE[kind], *(f'extensions.{path}' if path in CORE[kind] else path for path in paths)]
    if request.get('extensions') == 'json':
        columns = [*CORE[kind], 'extensions']
    lines = []
    if request.get('header') == 'true':
        lines.append(separator.join(map(write_cell, columns)) + '\n')
    for row, cells in zip(rows, extensions):
        text = row.csv_cells.get(separator)
        if text is None:
            text = separator.join([write_cell(row.columns.get(name)) for name in CORE[kind]])
            row.csv_cells[separator] = text
        if cells:
            text = separator.join([text, *[write_cell(cells.get(path)) for path in paths]])
        else:
            text += separator * len(paths)
        lines.append(text + '\n')
    return File(len(rows), columns, [lines])


def cell_writer(separator):
    needs_quotes = re.compile(f'[{re.escape(separator)}"\r\n#]').search

    def write_cell(value):
        if value is None:
            return ''
        if value == '' or needs_quotes(value):
            return '"' + value.replace('"', '""') + '"'
        return value

    return write_cell


def extension_cells(row, request):
    """The cells of a row's extensions by path."""
    form = request.get('extensions', 'columns')
    cells = {}
    if form == 'columns':
        flatten(row.extensions, '', cells)
    elif form == 'json' and row.extensions:
        cells['extensions'] = json_text(row.extensions)
    return cells


def extension_columns(extensions, request):
    """The paths of a file's extension columns, in order of first appearance unless the request fixes them."""
    form = request.get('extensions', 'columns')
    if form == 'json':
        return ['extensions']
    if form == 'columns' and request.get('extension_columns'):
        return request['extension_columns'].split(',')
    return list(dict.fromkeys(path for cells in extensions for path in cells))


def flatten(value, path, cells):
    """Fills cells with the scalars below a value. null, {} and [] make no cell; of two equal paths the later stands."""
    if type(value) is dict:
        members = value.items()
    elif type(value) is list:
        members = enumerate(value)
    else:
        if value is not None:
            cells[path] = json_text(value) if type(value) is bool else value
        return
    prefix = path + '.' if path else ''
    for name, member in members:
        flatten(member, f'{prefix}{name}', cells)


def json_text(value):
    """Compact JSON: numbers as they were spelled, members in their order."""
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is Number:
        return value
    if type(value) is dict:
        return json_object([encode_basestring(name) + ':' + json_text(member) for name, member in value.items()])
    if type(value) is list:
        return '[' + ','.join(map(json_text, value)) + ']'
    return {None: 'null', True: 'true', False: 'false'}[value]


def array_layouts(texts):
    """The ways to write a JSON array with one service a line."""
    if not texts:
        return [['[]\n'], ['[]'], ['[\n]\n'], ['[\n]']]
    rows = [text + ',\n' for text in texts[:-1]]
    return [
        [opening, *rows, texts[-1] + closing]
        for opening in ('[\n', '[') for closing in ('\n]\n', '\n]', ']\n', ']')
    ]


def service_text(service):
    """A service with its states and tasks, as JSON without line ends."""
    if service.json_text is None:
        tasks_of_state = {None: []}
        for task in service.tasks.values():
            state_id = task.columns.get('state_id')
            tasks_of_state.setdefault(state_id if state_id in service.states else None, []).append(task)
        states = [
            (state, [*row_members(state, 'states'), *divided('tasks', task_texts(tasks_of_state.get(state_id, [])))])
            for state_id, state in service.states.items()
        ]
        service.json_text = json_object([
            *row_members(service.row, 'services'),
            *divided('states', [(state.active, json_object(members)) for state, members in states]),
            *divided('tasks', task_texts(tasks_of_state[None])),
        ])
    return service.json_text


def task_texts(tasks):
    return [(task.active, json_object(row_members(task, 'tasks'))) for task in tasks]


def divided(kind, texts):
    """The members active_<kind> and completed_<kind>."""
    active = ','.join([text for is_active, text in texts if is_active])
    completed = ','.join([text for is_active, text in texts if not is_active])
    return [f'"active_{kind}":[{active}]', f'"completed_{kind}":[{completed}]']


def row_members(row, kind):
    """The members that services, states and tasks have in common."""
    columns = row.columns
    members = [
        f'"{name}":{columns[name] if name in NOT_QUOTED_IN_JSON else encode_basestring(columns[name])}'
        for name in CORE[kind][:-len(START) - len(END)]
        if name in columns and (name != 'service_id' or kind == 'services')
    ]
    if 'start_timestamp' in columns and 'end_timestamp' in columns:
        members.append(f'"duration":{milliseconds(columns["start_timestamp"], columns["end_timestamp"])}')
    for side, member in (('start', 'started'), ('end', 'completed')):
        carried = [
            f'"{name}":{encode_basestring(columns[side + "_" + name])}'
            for name in OCCASION_IN_JSON if side + '_' + name in columns
        ]
        if carried:
            members.append(f'"{member}":{json_object(carried)}')
    if row.extensions:
        members.append(f'"extensions":{json_text(row.extensions)}')
    return members


def json_object(members):
    return '{' + ','.join(members) + '}'


def milliseconds(start, end):
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)) // timedelta(milliseconds=1)
