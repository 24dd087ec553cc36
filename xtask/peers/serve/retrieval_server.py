"""A retrieval server as Search-R1 publishes its own: FastAPI, one process, one blocking endpoint.

    retrieval_server.py bm25s FOLDER       BM25 (k1 .9, b .4, Snowball English) by bm25s
    retrieval_server.py faiss FOLDER       a flat inner-product index by faiss

The documents are those of FOLDER/corpus.jsonl, title and text as one. It speaks the protocol of
Search-R1's `retrieval_server.py` (`POST /retrieve` with `queries`, `topk`, `return_scores`) and shares no
code with it. It prints one line, `http://127.0.0.1:PORT`, when it answers.

The vectors of `faiss` are random and of unit length, with as many dimensions as the embedder of this
repository (384): a flat index takes the same time for any vectors. Each query gets the vector that its
words seed, so encoding the query, which the real server does with a transformer, costs nothing here.
"""

import json
import socket
import sys
import zlib
from typing import List, Optional

import numpy
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

DIMENSIONS = 384


class Request(BaseModel):
    queries: List[str]
    topk: Optional[int] = None
    return_scores: bool = False


def read(folder):
    documents = []
    with open(f"{folder}/corpus.jsonl", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            contents = f'"{record.get("title", "")}"\n{record["text"]}'
            documents.append({"id": record["_id"], "contents": contents})
    return documents


class Words:
    def __init__(self, documents):
        import bm25s
        import Stemmer

        self.bm25s, self.stemmer = bm25s, Stemmer.Stemmer("english")
        self.documents = documents
        texts = [document["contents"] for document in documents]
        tokens = bm25s.tokenize(texts, stopwords="en", stemmer=self.stemmer, show_progress=False)
        self.index = bm25s.BM25(k1=0.9, b=0.4)
        self.index.index(tokens, show_progress=False)

    def search(self, queries, k):
        tokens = self.bm25s.tokenize(
            queries, stopwords="en", stemmer=self.stemmer, show_progress=False
        )
        found, scores = self.index.retrieve(tokens, k=k, show_progress=False)
        hits = [[self.documents[at] for at in row] for row in found]
        return hits, scores.tolist()


class Vectors:
    def __init__(self, documents):
        import faiss

        self.documents = documents
        vectors = numpy.random.default_rng(0).standard_normal(
            (len(documents), DIMENSIONS), dtype=numpy.float32
        )
        vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)
        self.index = faiss.IndexFlatIP(DIMENSIONS)
        self.index.add(vectors)

    def search(self, queries, k):
        seeds = [zlib.crc32(query.encode()) for query in queries]
        vectors = numpy.stack(
            [
                numpy.random.default_rng(seed).standard_normal(DIMENSIONS, dtype=numpy.float32)
                for seed in seeds
            ]
        )
        scores, found = self.index.search(vectors, k)
        hits = [[self.documents[at] for at in row] for row in found]
        return hits, scores.tolist()


def main():
    kind, folder = sys.argv[1:]
    retriever = {"bm25s": Words, "faiss": Vectors}[kind](read(folder))
    app = FastAPI()

    @app.post("/retrieve")
    def retrieve(request: Request):
        if not request.queries:
            return {"result": []}
        hits, scores = retriever.search(request.queries, request.topk or 3)
        if not request.return_scores:
            return {"result": hits}
        return {
            "result": [
                [{"document": document, "score": score} for document, score in zip(*pair)]
                for pair in zip(hits, scores)
            ]
        }

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
