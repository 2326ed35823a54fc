# What every bottle's agent finds: a user without rights, a home, a workspace, and three commands.
#   bb-idle  keeps the container alive until it is stopped; the agent is started in it
#   bb-exec  runs a program with the variables that bb delivered into memory
#   bb-run   the same for a headless task; waits for the variables that the bottle declares
ARG FROM
FROM ${FROM}
RUN groupadd --gid 1000 agent \
 && useradd --uid 1000 --gid 1000 --home-dir /home/agent --create-home --shell /bin/bash agent \
 && install -d -o 1000 -g 1000 /workspace \
 && printf '#!/bin/sh\nexec sleep infinity\n' > /usr/local/bin/bb-idle \
 && printf '#!/bin/sh\nif [ -r /run/bb/env ]; then . /run/bb/env; fi\nexec "$@"\n' \
    > /usr/local/bin/bb-exec \
 && printf '#!/bin/sh\nwhile [ -n "$BB_ENV" ] && [ ! -r /run/bb/env ]; do sleep 0.05; done\nexec bb-exec "$@"\n' \
    > /usr/local/bin/bb-run \
 && chmod 755 /usr/local/bin/bb-idle /usr/local/bin/bb-exec /usr/local/bin/bb-run
ENV HOME=/home/agent LANG=C.UTF-8
WORKDIR /workspace
USER 1000:1000
CMD ["bb-idle"]
