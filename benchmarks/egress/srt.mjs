// srt's own TLS-terminating proxy, alone: node srt.mjs DIST CERT PORT prints the path of its CA.
// One host is allowed and a credential is put in, as in the other subjects.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [dist, cert, port] = process.argv.slice(2)
const { createHttpProxyServer } = await import(join(dist, 'sandbox/http-proxy.js'))
const { createMitmCA } = await import(join(dist, 'sandbox/mitm-ca.js'))

const mitmCA = await createMitmCA({})
const server = createHttpProxyServer({
  filter: (_port, host) => host === 'localhost',
  mitmCA,
  mutateHeaders: headers => {
    headers.authorization = 'Bearer a-real-credential-0123456789'
  },
  tlsTerminateUpstreamCA: readFileSync(cert),
})
server.listen(Number(port), '127.0.0.1', () => console.log(mitmCA.certPath))
