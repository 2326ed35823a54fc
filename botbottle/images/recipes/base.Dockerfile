# Debian packages on a pulled or named base image; the other way to the same base is mmdebstrap.
ARG FROM
FROM ${FROM}
ARG PACKAGES
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${PACKAGES} \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /usr/share/doc /usr/share/man /usr/share/info \
 && find / -xdev -perm /6000 -type f -exec chmod a-s {} +
