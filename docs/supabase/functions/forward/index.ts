// An Edge Function that hands every request on to the CRM connectors, where the gateway cannot: on a hosted project without a domain of its own, and
// with the local command line. CRM_CONNECTORS_URL is where the service is, without a path. All of it is JavaScript, too.
const service = Deno.env.get('CRM_CONNECTORS_URL')

Deno.serve(async (request) => {
  const { pathname, search } = new URL(request.url)
  const body = ['GET', 'HEAD'].includes(request.method) ? undefined : await request.arrayBuffer()
  // A redirect is for the browser: it must see where the callback sends it.
  return fetch(service + pathname + search, { method: request.method, headers: request.headers, body, redirect: 'manual' })
})
