# The sidecar's hash-pinned wheels, byte-compiled by the interpreter that will run them.
# unchecked-hash: the copies' modification times say nothing.
ARG FROM
FROM ${FROM}
COPY site /opt/site
RUN python3 -m compileall -q -j0 --invalidation-mode unchecked-hash /usr/lib/python3.13 /opt/site
