# What every bottle's agent finds: a user without rights, a home, a workspace, an idle command.
ARG FROM
FROM ${FROM}
RUN groupadd --gid 1000 agent \
 && useradd --uid 1000 --gid 1000 --home-dir /home/agent --create-home --shell /bin/bash agent \
 && install -d -o 1000 -g 1000 /workspace \
 && printf '#!/bin/sh\n# The container lives until it is stopped; the agent is started in it.\nexec sleep infinity\n' \
    > /usr/local/bin/bb-idle \
 && chmod 755 /usr/local/bin/bb-idle
ENV HOME=/home/agent LANG=C.UTF-8
WORKDIR /workspace
USER 1000:1000
CMD ["bb-idle"]
