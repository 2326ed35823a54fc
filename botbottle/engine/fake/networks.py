"""Networks and volumes of the fake engine, and who is attached to them."""

from __future__ import annotations

from msgspec.structs import replace

from botbottle.engine.errors import NotFound
from botbottle.engine.fake.reader import overlap
from botbottle.engine.fake.world import Container, Network
from botbottle.engine.fake.writer import FakeWriter, Labels
from botbottle.errors import Conflict, EngineError
from botbottle.model.labels import HOME
from botbottle.model.plan import Ref
from botbottle.model.resources import Attachment, Endpoint, NetworkSpec, VolumeSpec


class FakeNetworks(FakeWriter):
    """The writing calls about networks and volumes."""

    def create_network(self, spec: NetworkSpec, labels: Labels) -> str:
        with self._write("create_network", spec.name):
            if any(n.name == spec.name for n in self.world.networks.values()):
                raise Conflict(f"network with name {spec.name} already exists")
            if any(overlap(n.subnet, spec.subnet) for n in self.world.networks.values()):
                raise Conflict(f"network {spec.name} ({spec.subnet}): Pool overlaps")
            identity = self.world.new_id("network")
            self.world.networks[identity] = Network(
                identity, spec.name, dict(labels), spec.internal, spec.subnet, self.seals
            )
            self._tell("network", "create", identity, dict(labels))
        return identity

    def remove_network(self, ref: Ref) -> None:
        with self._write("remove_network", ref):
            try:
                network = self.world.network(ref)
            except NotFound:
                return
            if any(c.alive for c in self.world.attached(network.id)):
                raise Conflict(f"network {network.name} has active endpoints")
            del self.world.networks[network.id]
            self._tell("network", "destroy", network.id, network.labels)

    def connect(self, ref: Ref, network: Ref, attachment: Attachment) -> None:
        with self._write("connect", ref, network):
            container, joined = self.world.container(ref), self.world.network(network)
            held = container.endpoints.get(joined.name)
            if held and held.network_id in ("", joined.id):
                return
            promise(container, replace(attachment, network=joined.name))
            if container.alive:
                promised = container.endpoints[joined.name]
                container.endpoints[joined.name] = self._settled(container, promised, joined)
            self._tell("network", "connect", joined.id, joined.labels)

    def disconnect(self, ref: Ref, network: Ref) -> None:
        with self._write("disconnect", ref, network):
            try:
                container = self.world.container(ref)
            except NotFound:
                return
            left = self.network(network) or self.network(Ref(network.name))
            held = container.endpoints.get(left.name if left else network.name)
            if held is None or (left and held.network_id not in ("", left.id, network.id)):
                return
            del container.endpoints[held.network_name]
            if left:
                self._tell("network", "disconnect", left.id, dict(left.labels))

    def create_volume(self, spec: VolumeSpec, labels: Labels) -> str:
        with self._write("create_volume", spec.name):
            marks = self.world.volumes.setdefault(spec.name, dict(labels))
            if marks.get(HOME) != dict(labels).get(HOME):
                raise Conflict(f"the volume name {spec.name} is taken by a volume that is not ours")
        return spec.name

    def remove_volume(self, name: str) -> None:
        with self._write("remove_volume", name):
            users = [
                c
                for c in self.world.containers.values()
                if any(m.kind == "volume" and m.source == name for m in c.spec.mounts)
            ]
            if users:
                raise Conflict(f"remove {name}: volume is in use")
            self.world.volumes.pop(name, None)
            self.world.kept.pop(name, None)

    def _settled(self, container: Container, promised: Endpoint, network: Network) -> Endpoint:
        """The endpoint of a container that runs: at the address it asked for, else at a free
        one, which may be another at each start."""
        fixed = container.fixed.get(network.name, "")
        for other in self.world.attached(network.id):
            held = {e.address for e in other.endpoints.values() if e.network_id == network.id}
            if other is not container and other.alive and fixed in held - {""}:
                raise EngineError("Address already in use")
        address = fixed or self.world.free_address(network)
        return replace(promised, network_id=network.id, address=address)


def promise(container: Container, attachment: Attachment) -> None:
    """An attachment before the start: the network by name only."""
    container.fixed[attachment.network] = attachment.address
    container.endpoints[attachment.network] = Endpoint(
        "", attachment.network, attachment.address, attachment.aliases
    )
