# A provider's own command, taken from its npm package on the host and checked there.
ARG FROM
FROM ${FROM}
COPY opt /opt
COPY bin /usr/local/bin
