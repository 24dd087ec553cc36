"""`peers.py EXTRACTOR PAGES.json OUT.json`: as `src/main.rs`, for the extractors in Python."""

import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor

PROCESSES = 2


def by_trafilatura(page, url):
    import trafilatura

    # Comments are appended to the text by this function.
    return trafilatura.extract(page, url=url, include_comments=True, include_tables=True)


def by_resiliparse(page, url):
    from resiliparse.extract.html2text import extract_plain_text

    return extract_plain_text(page, main_content=True, preserve_formatting=True, alt_texts=False)


EXTRACTORS = {"trafilatura-py": by_trafilatura, "resiliparse": by_resiliparse}


def extract(task):
    name, identity, url, page = task
    try:
        return identity, EXTRACTORS[name](page, url) or "", False
    except Exception:  # whatever an extractor throws, it counts as no text
        return identity, "", True


def main():
    name, pages, out = sys.argv[1:]
    tasks = []
    for page in json.load(open(pages, encoding="utf-8")):
        with open(page["path"], encoding="utf-8", newline="") as file:
            tasks.append((name, page["id"], page["url"], file.read()))
    with ProcessPoolExecutor(PROCESSES) as pool:
        # Imports are not part of the time.
        warm = (name, "", "https://example.org/", "<html><body><p>Words.</p></body></html>")
        list(pool.map(extract, [warm] * (4 * PROCESSES)))
        begin = time.perf_counter()
        results = list(pool.map(extract, tasks, chunksize=4))
        seconds = time.perf_counter() - begin
    report = {
        "seconds": seconds,
        "panics": sum(failed for _, _, failed in results),
        "texts": {identity: text for identity, text, _ in results},
    }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(report, file)


if __name__ == "__main__":
    main()
