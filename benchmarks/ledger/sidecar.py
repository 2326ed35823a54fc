"""One load-generating sidecar: a program without imports of ours, so that it costs little.

``sidecar.py SOCKET NUMBER SECONDS PAUSE`` waits for a line on stdin, then asks its gate and books
an exchange in turns and prints one JSON line: exchanges done and latencies in microseconds.
"""

import json
import socket
import sys
import time

ADMIT = (
    b'{"v":1,"id":1,"op":"admit","provider":"claude","model":"model-1",'
    b'"input":1200,"output":4096}\n'
)
SETTLE = (
    '{"v":1,"id":2,"op":"settle","lease":"%s","exchanges":[{"provider":"claude","dialect":'
    '"messages","model":"model-1","host":"api.example","response_id":"msg_%s_%d","tokens":'
    '{"input_uncached":1200,"cache_read":300,"output":400},"completeness":"final","at":%f,'
    '"note":""}]}\n'
)
MARK = b'"lease":"'


def main() -> None:
    path, number, seconds, pause = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(path)
    replies = connection.makefile("rb")
    sys.stdin.readline()
    gate, commit, both = [], [], []
    end = time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        connection.sendall(ADMIT)
        answer = replies.readline()
        start = answer.index(MARK) + len(MARK)
        lease = answer[start : answer.index(b'"', start)].decode()
        asked = time.perf_counter()
        if pause:
            time.sleep(pause)
        told = time.perf_counter()
        connection.sendall((SETTLE % (lease, number, len(both), time.time())).encode())
        answer = replies.readline()
        if b'"ok":true' not in answer:
            raise SystemExit(answer.decode())
        done = time.perf_counter()
        gate.append(asked - began)
        commit.append(done - told)
        both.append(asked - began + done - told)
    micro = {
        name: [round(x * 1e6) for x in values]
        for name, values in (("gate", gate), ("commit", commit), ("both", both))
    }
    print(json.dumps(micro))


main()
