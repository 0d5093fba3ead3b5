"""Folds events into services, states and tasks, and selects what an export holds (contract, sections 2 and 3)."""


class Row:
    """One service, state or task: its columns that are set, as texts, and its extensions in their order."""

    __slots__ = ('columns', 'extensions', 'csv_cells')

    def __init__(self):
        self.columns = {}
        self.extensions = {}
        # The core cells as CSV text by separator: they are the same in every export.
        self.csv_cells = {}

    @property
    def active(self):
        return 'end_timestamp' not in self.columns


class Service:
    """What is known under one service_id. `row` is None while only states or tasks were heard of."""

    __slots__ = ('row', 'states', 'tasks', 'json_text')

    def __init__(self):
        self.row = None
        self.states = {}
        self.tasks = {}
        # The service as JSON: it is the same in every export.
        self.json_text = None

    def row_to_change(self, table, own_id):
        """The row that an event speaks of, made if there is none."""
        if table == 'services':
            if self.row is None:
                self.row = Row()
            return self.row
        rows = self.states if table == 'states' else self.tasks
        row = rows.get(own_id)
        if row is None:
            row = rows[own_id] = Row()
        return row


class Tables:
    """The left fold of the log."""

    def __init__(self):
        self.services = {}

    def apply(self, event):
        if event.changes is None:
            self.services.pop(event.service_id, None)
            return
        service = self.services.get(event.service_id)
        if service is None:
            service = self.services[event.service_id] = Service()
        for change in event.changes:
            row = service.row_to_change(change.table, change.own_id)
            row.columns.update(change.columns)
            if change.extensions:
                # A dict's update replaces a whole value and leaves its place, as the contract asks.
                row.extensions.update(change.extensions)

    def finish(self):
        """After the last event: puts all rows in the order of files, and fills is_anonymous."""
        found = [(service_id, service.row, service) for service_id, service in self.services.items() if service.row]
        self.services = {service_id: service for service_id, _, service in sorted(found, key=by_start)}
        for service in self.services.values():
            columns = service.row.columns
            columns['is_anonymous'] = 'false' if 'customer_id' in columns else 'true'
            service.states = dict(sorted(service.states.items(), key=by_start))
            service.tasks = dict(sorted(service.tasks.items(), key=by_start))

    def select(self, window, filter_events, filter_state):
        """The services of an export, in order; each is exported whole."""
        time_from, time_to = window
        sides = SIDES_OF_FILTER[filter_events]
        active = STATE_OF_FILTER[filter_state]
        return [
            service for service in self.services.values()
            if any(time_from <= service.row.columns.get(side, '') < time_to for side in sides)
            and (active is None or service.row.active == active)
        ]


SIDES_OF_FILTER = {
    'any': ('start_timestamp', 'end_timestamp'),
    'started': ('start_timestamp',),
    'completed': ('end_timestamp',),
}
STATE_OF_FILTER = {'any': None, 'active': True, 'inactive': False}


def by_start(item):
    """Start timestamp, absent ones last, then the id. Python compares strings by code points, as UTF-8 bytes sort."""
    own_id, row = item[:2]
    start = row.columns.get('start_timestamp')
    return (start is None, start or '', own_id)
