"""The judge: rebuilds exports from the log by the contract alone, and compares them with their manifests.

    python3 test/judges/rebuild.py <manifest.json>... --log <file.ndjson[.gz]>... [--files <folder>]

It shares no code with the product, so that an error of the product is not repeated here. Every log is taken whole, in
the order given: offsets of manifests are not looked at. The exit code is 0 when all manifests agree, else 1.
"""

import argparse
import gc
import gzip
import hashlib
import io
import itertools
import json
import sys
import zipfile
import zlib
from pathlib import Path, PurePosixPath

# Else a folder of compiled modules would be left among the tests.
sys.dont_write_bytecode = True

from events import Reject, decode, read_lines
from files import build_files
from tables import Tables

SHOWN_BYTES = 60
SHOWN_COLUMNS = 3


def main():
    arguments = parse_arguments()
    # The tables hold no cycles, and are large: looking for some would take a third of the time.
    gc.disable()
    # JSON of 512 levels needs more than Python's 1,000 frames to be written.
    sys.setrecursionlimit(10_000)
    try:
        tables, applied, quarantined = fold(arguments.log, arguments.lines)
    except (OSError, EOFError, zlib.error) as error:
        print(f'the log cannot be read: {error}', file=sys.stderr)
        return 1
    if arguments.verbose:
        print(f'applied {applied}, quarantined {quarantined}')
    all_agree = True
    for path in arguments.manifests:
        difference = compare(path, tables, arguments.files, len(arguments.log))
        print(f'{path}: ' + (f'differs: {difference}' if difference else 'agrees'), flush=True)
        all_agree = all_agree and not difference
    return 0 if all_agree else 1


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('manifests', nargs='+', metavar='manifest.json')
    parser.add_argument('--log', nargs='+', required=True, help='NDJSON files, plain or gzip, in the order consumed')
    parser.add_argument('--files', type=Path, help='folder with the exported files, which are then compared too')
    parser.add_argument('--lines', type=int, help='take only the first records of the log, this many')
    parser.add_argument('--verbose', action='store_true', help='print how many records were applied and quarantined')
    return parser.parse_args()


def fold(paths, count):
    """Reads the logs one after another, as one log."""
    tables = Tables()
    applied = quarantined = 0
    for line in itertools.islice(itertools.chain.from_iterable(map(read_lines, paths)), count):
        event = decode(line)
        if isinstance(event, Reject):
            quarantined += 1
        else:
            tables.apply(event)
            applied += 1
    tables.finish()
    return tables, applied, quarantined


def compare(path, tables, folder, log_count):
    """What differs between a manifest and the tables; empty where they agree."""
    try:
        manifest = json.loads(Path(path).read_bytes())
        window = manifest['window']['time_from'], manifest['window']['time_to']
        filters = manifest['filters']['filter_events'], manifest['filters']['filter_state']
        request, listed = manifest['request'], {file['kind']: file for file in manifest['files']}
        selected = tables.select(window, *filters)
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f'manifest, cannot be read: {error!r}'
    rebuilt = build_files(selected, request)
    if set(rebuilt) != set(listed):
        return f'files, rebuilt {sorted(rebuilt)}, manifest {sorted(listed)}'
    differences = [compare_file(listed[kind], file, folder) for kind, file in rebuilt.items()]
    differences = [difference for difference in differences if difference]
    source_count = len({(reading['topic'], reading['partition']) for reading in manifest.get('readings', [])})
    if differences and source_count not in (0, log_count):
        differences.append(f'the manifest read {source_count} sources, logs given: {log_count}')
    return '; '.join(differences)


def compare_file(listed, file, folder):
    """Compares what a manifest says of one file with the rebuilt one and, given a folder, with the file itself."""
    layout = matching_layout(file.layouts, listed)
    content = encoded(layout)
    rebuilt = {'rows': file.rows, 'bytes': len(content), 'sha256': sha256(content)}
    differences = differing('rebuilt', rebuilt, listed)
    columns = listed.get('columns')
    if file.columns is not None and isinstance(columns, list) and columns != file.columns:
        differences.append('columns ' + first_difference(file.columns, columns, 'manifest'))
    if folder:
        try:
            packed, plain = read_export(folder, listed['name'])
        except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
            differences.append(f'file cannot be read: {error}')
        else:
            differences += differing('file', {'bytes': len(plain), 'sha256': sha256(plain)}, listed)
            if 'packed_sha256' in listed:
                packed_facts = {'packed_bytes': len(packed), 'packed_sha256': sha256(packed)}
                differences += differing('file', packed_facts, listed)
            differences += first_different_row(layout, plain)
    return f'{listed["kind"]}, ' + ', '.join(differences) if differences else None


def matching_layout(layouts, listed):
    """The layout that has the manifest's hash, else the first."""
    if len(layouts) > 1:
        beyond_ascii = len(encoded(layouts[0])) - characters(layouts[0])
        for layout in layouts:
            if characters(layout) + beyond_ascii == listed['bytes'] and sha256(encoded(layout)) == listed['sha256']:
                return layout
    return layouts[0]


def encoded(layout):
    return ''.join(layout).encode()


def characters(layout):
    return sum(map(len, layout))


def differing(source, found, listed):
    return [
        f'{name} ({source} {value}, manifest {listed.get(name)})'
        for name, value in found.items() if value != listed.get(name)
    ]


def read_export(folder, name):
    """The bytes of an exported file, and its plain content."""
    path = folder / PurePosixPath(name).relative_to(PurePosixPath(name).anchor)
    if not path.exists():
        path = folder / PurePosixPath(name).name
    packed = path.read_bytes()
    if name.endswith('.gz'):
        return packed, gzip.decompress(packed)
    if name.endswith('.zip'):
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if archive.namelist() != [path.name.removesuffix('.zip')]:
                raise ValueError(f'the archive holds {archive.namelist()}')
            return packed, archive.read(archive.namelist()[0])
    return packed, packed


def first_different_row(layout, plain):
    """Where an exported file leaves the rebuilt one; pieces are counted from 1, a header or a bracket is the first."""
    position = 0
    for number, row in enumerate(layout, 1):
        row = row.encode()
        found = plain[position:position + len(row)]
        if found != row:
            return [f'first different row {number}, ' + first_difference(row, found, 'file')]
        position += len(row)
    rest = plain[position:]
    return [f'first different row {len(layout) + 1}, ' + first_difference(b'', rest, 'file')] if rest else []


def first_difference(rebuilt, found, source):
    """Says where two texts or lists begin to differ, and shows a little of both from there on."""
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(rebuilt, found)))
    part = slice(same, same + (SHOWN_COLUMNS if isinstance(found, list) else SHOWN_BYTES))
    return f'from place {same + 1} on (rebuilt {rebuilt[part]!r}, {source} {found[part]!r})'


def sha256(content):
    return hashlib.sha256(content).hexdigest()


if __name__ == '__main__':
    sys.exit(main())
