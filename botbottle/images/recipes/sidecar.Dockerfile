# This version's own code. All of the sidecars' modules are imported once: what cannot start fails
# here, not later. The scanners' rules are compiled here too: a sidecar loads them in milliseconds.
ARG FROM
FROM ${FROM}
COPY botbottle /opt/bb/botbottle
ENV PYTHONPATH=/opt/bb:/opt/site PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LANG=C.UTF-8 HOME=/tmp BB_DLP_CACHE=/opt/rules
RUN python3 -m compileall -q -j0 --invalidation-mode unchecked-hash /opt/bb \
 && python3 -c "import importlib, pkgutil, botbottle.sidecar as s; [importlib.import_module(m.name) for m in pkgutil.walk_packages(s.__path__, 'botbottle.sidecar.') if not m.name.endswith('__main__')]" \
 && python3 -m botbottle.dlp.compile "$BB_DLP_CACHE" && chmod -R a+rX "$BB_DLP_CACHE"
WORKDIR /
USER 1000:1000
CMD ["python3", "-m", "botbottle.sidecar.egress"]
