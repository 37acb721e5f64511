// HubSpot's own client for Node against the HubSpot simulator.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { Client } from '@hubspot/api-client'
import { control, hubspotURL, Ledger, redirectURL, rejection, signIn } from './simulator.mjs'

const app = { id: 'sim-hubspot-client', secret: 'sim-hubspot-secret-not-real' }
const scopes = ['oauth', 'crm.objects.contacts.read', 'crm.objects.contacts.write', 'crm.objects.deals.read', 'crm.objects.owners.read']
const ledger = new Ledger('hubspot')
const dealID = '9001'

// The client still asks OAuth v1 for tokens, which HubSpot ends on 16 February 2027. The simulator is of the
// time after that, so the version in the path is moved on, and nothing else.
const oauthV3 = {
  async pre(context) {
    context.setUrl(context.getUrl().replace('/oauth/v1/', '/oauth/v3/'))
    return context
  },
  post: async (context) => context,
}

const plain = () => new Client({ basePath: hubspotURL })
const signer = () => new Client({ basePath: hubspotURL, middleware: [oauthV3] })

async function connect(asked = scopes) {
  const { code } = await signIn(signer().oauth.getAuthorizationUrl(app.id, redirectURL, asked.join(' ')), hubspotURL)
  return signer().oauth.tokensApi.create('authorization_code', code, redirectURL, app.id, app.secret)
}

const refresh = (token) => signer().oauth.tokensApi.create('refresh_token', undefined, undefined, app.id, app.secret, token)

let client
let contactID

before(async () => {
  client = new Client({ basePath: hubspotURL, accessToken: (await connect()).accessToken })
})

const link = (id, type) => ({ to: { id }, types: [{ associationCategory: 'HUBSPOT_DEFINED', associationTypeId: type }] })

test('the client signs in, and its tokens are what it expects', async () => {
  const url = signer().oauth.getAuthorizationUrl(app.id, redirectURL, scopes.join(' '), 'crm.schemas.contacts.write', 'state-1')
  const back = await signIn(url, hubspotURL)
  assert.equal(back.state, 'state-1')
  const tokens = await signer().oauth.tokensApi.create('authorization_code', back.code, redirectURL, app.id, app.secret)
  assert.equal(tokens.tokenType, 'bearer')
  assert.equal(tokens.expiresIn, 1800)
  assert.ok(tokens.accessToken.length > 100 && tokens.refreshToken.startsWith('na1-'))

  const again = await rejection(signer().oauth.tokensApi.create('authorization_code', back.code, redirectURL, app.id, app.secret))
  assert.equal(again.code, 400, 'a code works once')
  assert.equal(again.body.status, 'BAD_AUTH_CODE')
})

test('a refresh gives a new access token that works, and the same refresh token', async () => {
  const first = await connect()
  const second = await refresh(first.refreshToken)
  assert.equal(second.refreshToken, first.refreshToken)
  assert.notEqual(second.accessToken, first.accessToken)
  const page = await new Client({ basePath: hubspotURL, accessToken: second.accessToken }).crm.owners.ownersApi.getPage()
  assert.ok(page.results.length > 0)

  const wrong = await rejection(refresh('na1-no-such-token'))
  assert.equal(wrong.code, 400)
  assert.equal(wrong.body.status, 'BAD_REFRESH_TOKEN')
})

test('OAuth v1, which HubSpot ends, is not there any more', async () => {
  const ended = await rejection(plain().oauth.tokensApi.create('refresh_token', undefined, undefined, app.id, app.secret, 'na1-any'))
  assert.equal(ended.code, 404)
})

test('a contact is created, found, read, updated and read again', async () => {
  const properties = { email: 'ada@example.com', firstname: 'Ada', lastname: 'O\'Neil "A" \\ 😀', company: '<b>Example & Söhne</b>' }
  const made = await client.crm.contacts.basicApi.create({ properties, associations: [] })
  contactID = made.id
  ledger.wrote('create', 'contacts', contactID, properties)
  assert.equal(typeof made.id, 'string')
  assert.ok(made.createdAt instanceof Date && !Number.isNaN(made.createdAt.valueOf()))
  assert.equal(made.archived, false)

  const found = await client.crm.contacts.searchApi.doSearch({
    filterGroups: [{ filters: [{ propertyName: 'email', operator: 'EQ', value: 'ADA@example.com' }] }],
    properties: ['email', 'lastname', 'phone'], limit: 2, after: '0', sorts: [],
  })
  assert.equal(found.total, 1)
  assert.equal(found.results[0].id, contactID)
  assert.equal(found.results[0].properties.lastname, properties.lastname)
  assert.equal(found.results[0].properties.phone, null)

  const changed = await client.crm.contacts.basicApi.update(contactID, { properties: { jobtitle: 'Analyst', company: '' } })
  ledger.wrote('update', 'contacts', contactID, { jobtitle: 'Analyst', company: '' })
  assert.equal(changed.id, contactID)
  assert.ok(changed.updatedAt >= made.updatedAt)

  const read = await client.crm.contacts.basicApi.getById(contactID, ['email', 'firstname', 'jobtitle', 'company'])
  assert.deepEqual([read.properties.email, read.properties.firstname, read.properties.jobtitle, read.properties.company],
    ['ada@example.com', 'Ada', 'Analyst', null])
  const byEmail = await client.crm.contacts.basicApi.getById('ada@example.com', ['email'], undefined, undefined, false, 'email')
  assert.equal(byEmail.id, contactID)
})

test('a search pages through its results', async () => {
  const { ids } = await control(hubspotURL, 'POST', '/seed', {
    contacts: Array.from({ length: 5 }, (_, i) => ({ email: `page${i}@example.com`, company: 'Pages' })),
  })
  const seen = []
  let next = '0'
  for (let calls = 0; next && calls < 5; calls++) {
    const page = await client.crm.contacts.searchApi.doSearch({
      filterGroups: [{ filters: [{ propertyName: 'company', operator: 'EQ', value: 'Pages' }] }],
      properties: ['email'], limit: 2, after: next, sorts: ['email'],
    })
    assert.equal(page.total, 5)
    seen.push(...page.results.map((contact) => contact.id))
    next = page.paging?.next?.after
  }
  assert.deepEqual(seen, ids.contacts)
})

test('labels tell the type ids, and tasks and notes are created with them', async () => {
  const idOf = async (from, to) => {
    const { results } = await client.crm.associations.v4.schema.definitionsApi.getAll(from, to)
    const unlabelled = results.filter((type) => type.category === 'HUBSPOT_DEFINED' && type.label === null)
    assert.equal(unlabelled.length, 1, `${from} to ${to}`)
    return unlabelled[0].typeId
  }
  const types = [await idOf('tasks', 'contacts'), await idOf('tasks', 'deals'), await idOf('notes', 'contacts'), await idOf('notes', 'deals')]
  assert.deepEqual(types, [204, 216, 202, 214])

  const task = { hs_timestamp: '2026-11-25T14:00:00.000Z', hs_task_subject: 'Send the offer', hs_task_body: 'As agreed', hs_task_status: 'NOT_STARTED' }
  const madeTask = await client.crm.objects.tasks.basicApi.create({ properties: task, associations: [link(contactID, types[0]), link(dealID, types[1])] })
  ledger.wrote('create', 'tasks', madeTask.id, task, [`contacts/${contactID}`, `deals/${dealID}`])
  const note = { hs_timestamp: '1795478399000', hs_note_body: '<p>Week 47: 3 outcomes</p>' }
  const madeNote = await client.crm.objects.notes.basicApi.create({ properties: note, associations: [link(contactID, types[2]), link(dealID, types[3])] })
  ledger.wrote('create', 'notes', madeNote.id, note, [`contacts/${contactID}`, `deals/${dealID}`])

  const readTask = await client.crm.objects.tasks.basicApi.getById(madeTask.id, Object.keys(task), undefined, ['contacts', 'deals'])
  assert.equal(readTask.properties.hs_task_subject, task.hs_task_subject)
  assert.equal(Date.parse(readTask.properties.hs_timestamp), Date.parse(task.hs_timestamp))
  assert.deepEqual(readTask.associations.contacts.results.map((to) => to.id), [contactID])
  assert.deepEqual(readTask.associations.deals.results.map((to) => to.id), [dealID])
  const readNote = await client.crm.objects.notes.basicApi.getById(madeNote.id, ['hs_note_body', 'hs_timestamp'])
  assert.equal(readNote.properties.hs_note_body, note.hs_note_body)
  assert.equal(Date.parse(readNote.properties.hs_timestamp), Number(note.hs_timestamp))

  const linked = await client.crm.associations.v4.basicApi.getPage('contacts', contactID, 'tasks')
  assert.deepEqual(linked.results.map((to) => String(to.toObjectId)), [madeTask.id])
  assert.deepEqual(linked.results[0].associationTypes.map((type) => [type.category, type.typeId, type.label]), [['HUBSPOT_DEFINED', 203, null]])
})

test('a default association and a labelled one are made and read from the other side', async () => {
  const { labels } = await control(hubspotURL, 'POST', '/seed', { labels: [{ from: 'notes', to: 'contacts', label: 'Weekly summary' }] })
  const properties = { hs_timestamp: '2026-11-22T23:59:59.000Z', hs_note_body: 'Alone' }
  const { id } = await client.crm.objects.notes.basicApi.create({ properties, associations: [] })
  ledger.wrote('create', 'notes', id, properties)

  const made = await client.crm.associations.v4.basicApi.createDefault('notes', id, 'contacts', contactID)
  ledger.wrote('associate', 'notes', id, { associationTypeId: '202' }, [`contacts/${contactID}`])
  assert.equal(made.status, 'COMPLETE')
  assert.equal(made.results[0].associationSpec.associationTypeId, 202)

  const pair = await client.crm.associations.v4.basicApi.create('notes', id, 'contacts', contactID,
    [{ associationCategory: 'USER_DEFINED', associationTypeId: labels[0] }])
  ledger.wrote('associate', 'notes', id, { associationTypeId: String(labels[0]) }, [`contacts/${contactID}`])
  assert.deepEqual(pair.labels, ['Weekly summary'])

  const { results } = await client.crm.associations.v4.basicApi.getPage('contacts', contactID, 'notes')
  const back = results.find((to) => String(to.toObjectId) === id)
  assert.deepEqual(back.associationTypes.map((type) => type.label).sort(), ['Weekly summary', null])

  const many = await client.crm.associations.v4.batchApi.createDefault('notes', 'deals', { inputs: [{ _from: { id }, to: { id: dealID } }] })
  ledger.wrote('associate', 'notes', id, { associationTypeId: '214' }, [`deals/${dealID}`])
  assert.equal(many.results.length, 1)
  const batch = await client.crm.associations.v4.batchApi.getPage('notes', 'deals', { inputs: [{ id }] })
  assert.deepEqual(batch.results[0].to.map((to) => String(to.toObjectId)), [dealID])
})

test('a batch upsert tells new contacts from known ones', async () => {
  const input = (email, firstname) => ({ id: email, idProperty: 'email', properties: { firstname }, objectWriteTraceId: firstname })
  const done = await client.crm.contacts.batchApi.upsert({ inputs: [input('ada@example.com', 'Augusta'), input('grace@example.com', 'Grace')] })
  assert.equal(done.status, 'COMPLETE')
  assert.ok(done.completedAt instanceof Date)
  assert.deepEqual(done.results.map((contact) => [contact._new, contact.properties.email]), [[false, 'ada@example.com'], [true, 'grace@example.com']])
  assert.equal(done.results[0].id, contactID)
  ledger.wrote('update', 'contacts', contactID, { firstname: 'Augusta' })
  ledger.wrote('create', 'contacts', done.results[1].id, { email: 'grace@example.com', firstname: 'Grace' })

  const read = await client.crm.contacts.batchApi.read({
    idProperty: 'email', inputs: [{ id: 'ada@example.com' }, { id: 'grace@example.com' }], properties: ['firstname'], propertiesWithHistory: [],
  })
  assert.deepEqual(read.results.map((contact) => contact.properties.firstname), ['Augusta', 'Grace'])
})

test('a traced batch create makes the good inputs and names the bad one; an untraced one makes none', async () => {
  const task = (subject) => ({ hs_timestamp: '2026-11-26T09:00:00.000Z', hs_task_subject: subject })
  const good = (subject) => ({ properties: task(subject), associations: [link(contactID, 204)] })
  const bad = { properties: { hs_task_subject: 'No time' }, associations: [] }
  const traced = [good('One'), bad, good('Two')].map((input, i) => ({ ...input, objectWriteTraceId: `trace-${i}` }))
  const done = await client.crm.objects.tasks.batchApi.create({ inputs: traced })
  assert.deepEqual(done.results.map((made) => made.objectWriteTraceId), ['trace-0', 'trace-2'])
  assert.equal(done.numErrors, 1)
  assert.deepEqual(done.errors[0].context.objectWriteTraceId, ['trace-1'])
  assert.equal(done.errors[0].category, 'VALIDATION_ERROR')
  for (const [i, subject] of ['One', 'Two'].entries()) ledger.wrote('create', 'tasks', done.results[i].id, task(subject), [`contacts/${contactID}`])

  const read = await client.crm.objects.tasks.batchApi.read({
    inputs: done.results.map(({ id }) => ({ id })), properties: ['hs_task_subject'], propertiesWithHistory: [],
  })
  assert.deepEqual(read.results.map((made) => made.properties.hs_task_subject), ['One', 'Two'])

  const refused = await rejection(client.crm.objects.tasks.batchApi.create({ inputs: [good('Three'), bad] }))
  assert.equal(refused.code, 400)
})

test('contacts are created and updated in batches, and what a batch cannot do is among its errors', async () => {
  const inputs = ['alan', 'edsger'].map((name, i) => ({ properties: { email: `${name}@example.com`, firstname: name }, associations: [], objectWriteTraceId: String(i) }))
  const known = { properties: { email: 'ada@example.com' }, associations: [], objectWriteTraceId: '2' }
  const made = await client.crm.contacts.batchApi.create({ inputs: [...inputs, known] })
  assert.deepEqual(made.results.map((contact) => contact.properties.email), ['alan@example.com', 'edsger@example.com'])
  assert.deepEqual([made.numErrors, made.errors[0].category], [1, 'CONFLICT'])
  assert.match(made.errors[0].message, new RegExp(`Existing ID: ${contactID}$`))
  for (const [i, { properties }] of inputs.entries()) ledger.wrote('create', 'contacts', made.results[i].id, properties)

  const [alan, edsger] = made.results.map(({ id }) => id)
  const changed = await client.crm.contacts.batchApi.update({ inputs: [
    { id: alan, properties: { jobtitle: 'Fellow' }, objectWriteTraceId: '0' }, { id: '999999', properties: { jobtitle: 'Nobody' }, objectWriteTraceId: '1' },
    { id: edsger, properties: { jobtitle: 'Professor' }, objectWriteTraceId: '2' },
  ] })
  assert.deepEqual(changed.results.map(({ id }) => id), [alan, edsger])
  assert.deepEqual(changed.errors[0].context.objectWriteTraceId, ['1'])
  ledger.wrote('update', 'contacts', alan, { jobtitle: 'Fellow' })
  ledger.wrote('update', 'contacts', edsger, { jobtitle: 'Professor' })
  const read = await client.crm.contacts.batchApi.read({ inputs: [{ id: alan }, { id: edsger }], properties: ['jobtitle'], propertiesWithHistory: [] })
  assert.deepEqual(read.results.map((contact) => contact.properties.jobtitle), ['Fellow', 'Professor'])
})

test('a unique property of tasks is made, keeps a second task out, and finds the first one, in the bin too', async () => {
  const admin = new Client({ basePath: hubspotURL, accessToken: (await connect([...scopes, 'crm.schemas.contacts.write'])).accessToken })
  const property = { name: 'outcome_ref', label: 'Outcome ref', groupName: 'task', type: 'string', fieldType: 'text', hasUniqueValue: true }
  const made = await admin.crm.properties.coreApi.create('tasks', property)
  assert.deepEqual([made.name, made.hasUniqueValue, made.modificationMetadata.readOnlyValue], ['outcome_ref', true, false])
  assert.equal((await admin.crm.properties.coreApi.getByName('tasks', 'outcome_ref')).hasUniqueValue, true)
  assert.equal((await rejection(admin.crm.properties.coreApi.create('tasks', property))).code, 409)

  const properties = { hs_timestamp: '2026-11-26T09:00:00.000Z', hs_task_subject: 'Once', outcome_ref: 'aa11' }
  const { tasks } = client.crm.objects
  const { id } = await tasks.basicApi.create({ properties, associations: [link(contactID, 204)] })
  ledger.wrote('create', 'tasks', id, properties, [`contacts/${contactID}`])
  const twice = await rejection(tasks.basicApi.create({ properties, associations: [] }))
  assert.equal(twice.code, 400)
  assert.equal(twice.body.errors[0].code, 'CONFLICTING_UNIQUE_VALUE')
  const byRef = (archived) => tasks.basicApi.getById('aa11', ['hs_task_subject'], undefined, ['contacts'], archived, 'outcome_ref')
  const found = await byRef(false)
  assert.deepEqual([found.id, found.associations.contacts.results.map((to) => to.id)], [id, [contactID]])

  await tasks.basicApi.archive(id)
  ledger.wrote('delete', 'tasks', id)
  assert.equal((await rejection(byRef(false))).code, 404)
  const binned = await byRef(true)
  assert.deepEqual([binned.id, binned.archived, binned.archivedAt instanceof Date], [id, true, true])
})

test('the account tells its time zone', async () => {
  const answer = await client.apiRequest({ path: '/account-info/v3/details' })
  const { portalId, timeZone } = await answer.json()
  assert.ok(portalId > 0)
  assert.equal(timeZone, 'US/Eastern')
})

test('uninstalling the app ends its tokens', async () => {
  const tokens = await connect()
  const answer = await new Client({ basePath: hubspotURL, accessToken: tokens.accessToken }).apiRequest({ method: 'DELETE', path: '/appinstalls/v3/external-install' })
  assert.equal(answer.status, 204)
  assert.equal((await rejection(refresh(tokens.refreshToken))).body.status, 'BAD_REFRESH_TOKEN')
  client = new Client({ basePath: hubspotURL, accessToken: (await connect()).accessToken }) // the app was installed once, with all its grants
})

test('owners are listed, found by address and read by id', async () => {
  const all = await client.crm.owners.ownersApi.getPage()
  assert.equal(all.results.length, 2)
  const [rep] = (await client.crm.owners.ownersApi.getPage('rep@example.com', undefined, 100, false)).results
  assert.equal(rep.email, 'rep@example.com')
  assert.equal(typeof rep.userId, 'number')
  assert.equal((await client.crm.owners.ownersApi.getById(Number(rep.id))).email, rep.email)
})

test('refusals are the client\'s own errors, with status, category and id', async () => {
  const { basicApi } = client.crm.contacts
  const stranger = new Client({ basePath: hubspotURL, accessToken: 'not-a-token' })
  const narrow = new Client({ basePath: hubspotURL, accessToken: (await connect(['oauth'])).accessToken })
  for (const [name, call, code, category] of [
    ['known address', () => basicApi.create({ properties: { email: 'ada@example.com' }, associations: [] }), 409, 'CONFLICT'],
    ['invalid address', () => basicApi.create({ properties: { email: 'ada@@example' }, associations: [] }), 400, 'VALIDATION_ERROR'],
    ['unknown property', () => basicApi.update(contactID, { properties: { no_such_property: 'x' } }), 400, 'VALIDATION_ERROR'],
    ['wrong direction', () => client.crm.objects.tasks.basicApi.create({
      properties: { hs_timestamp: '2026-11-26T09:00:00.000Z' }, associations: [link(contactID, 203)],
    }), 400, 'VALIDATION_ERROR'],
    ['unknown token', () => stranger.crm.contacts.basicApi.getById(contactID), 401, 'INVALID_AUTHENTICATION'],
    ['missing scope', () => narrow.crm.contacts.basicApi.getById(contactID), 403, 'MISSING_SCOPES'],
    ['unknown contact', () => basicApi.getById('999999'), 404, 'OBJECT_NOT_FOUND'],
    ['unknown contact to change', () => basicApi.update('999999', { properties: { firstname: 'x' } }), 404, 'OBJECT_NOT_FOUND'],
  ]) {
    const error = await rejection(call())
    assert.equal(error.code, code, name)
    assert.equal(error.body.category, category, name)
    assert.match(error.body.correlationId, /^[0-9a-f]{8}-[0-9a-f-]{27}$/, name)
    if (code === 409) assert.match(error.body.message, new RegExp(`Existing ID: ${contactID}$`))
    if (code === 403) assert.ok(error.body.errors[0].context.requiredGranularScopes.includes('crm.objects.contacts.read'))
  }
})

test('an expired access token is refused as expired, and a refresh mends it', async () => {
  const tokens = await connect()
  await control(hubspotURL, 'POST', '/expire-tokens')
  const expired = await rejection(new Client({ basePath: hubspotURL, accessToken: tokens.accessToken }).crm.contacts.basicApi.getById(contactID))
  assert.equal(expired.code, 401)
  assert.equal(expired.body.category, 'EXPIRED_AUTHENTICATION')
  client = new Client({ basePath: hubspotURL, accessToken: (await refresh(tokens.refreshToken)).accessToken })
  assert.equal((await client.crm.contacts.basicApi.getById(contactID)).id, contactID)
})

test('the client recognises the search limit and waits it out', async (t) => {
  await control(hubspotURL, 'PUT', '/behaviour', { enforce_rate_limits: true })
  t.after(() => control(hubspotURL, 'PUT', '/behaviour', {}))
  const waits = t.mock.method(console, 'error', () => {}) // where the client tells of a retry
  const { accessToken } = await connect()
  const search = (client) => client.crm.contacts.searchApi.doSearch({ filterGroups: [], properties: ['email'], limit: 1, after: '0', sorts: [] })

  const hasty = new Client({ basePath: hubspotURL, accessToken, numberOfApiCallRetries: 0 })
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => search(hasty)))
  const refused = outcomes.filter((outcome) => outcome.status === 'rejected').map((outcome) => outcome.reason)
  assert.ok(refused.length > 0 && refused.every((error) => error.code === 429 && error.body.policyName === 'SECONDLY'))
  assert.ok((await search(new Client({ basePath: hubspotURL, accessToken, numberOfApiCallRetries: 3 }))).total > 0)
  assert.ok(waits.mock.callCount() > 0, 'the client did not take the refusal for a rate limit')
})

test('an archived contact is gone', async () => {
  const made = await client.crm.contacts.basicApi.create({ properties: { email: 'gone@example.com' }, associations: [] })
  ledger.wrote('create', 'contacts', made.id, { email: 'gone@example.com' })
  await client.crm.contacts.basicApi.archive(made.id)
  ledger.wrote('delete', 'contacts', made.id)
  assert.equal((await rejection(client.crm.contacts.basicApi.getById(made.id))).code, 404)
})

test('the operation log holds what these tests wrote, and nothing else', () => ledger.balance())
