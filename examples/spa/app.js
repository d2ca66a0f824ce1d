// Notes from a Django API, and no token: the browser sends a cookie, and the relay in Envoy swaps it for the token.

const $ = (id) => document.getElementById(id)
const fields = (form) => Object.fromEntries(new FormData(form))
const show = (who) => document.querySelectorAll("[data-for]").forEach((it) => (it.hidden = it.dataset.for !== who))
const tabs = new BroadcastChannel("session") // tells the other tabs of a sign-in or sign-out
let busy = false

/** Calls the API, or the relay itself. Throws an Error with the answer's `status`; with none if there was no answer. */
async function call(method, path, data) {
  const headers = data && { "Content-Type": "application/json" }
  const answer = await fetch(path, { method, headers, body: data && JSON.stringify(data) })
  const body = answer.status === 204 ? {} : await answer.json().catch(() => null)
  if (answer.ok && body) return body
  // The relay's `title`, or what Django says: {"detail": "Not found."}, {"text": ["May not be blank."]}
  const message = body?.title ?? Object.values(body ?? {}).flat()[0] ?? `The answer was ${answer.status}.`
  throw Object.assign(new Error(message), { status: answer.ok ? undefined : answer.status, wait: answer.headers.get("Retry-After") })
}

/** Does something, and deals with all that may go wrong. Only a 401 means that the session is over. */
async function attempt(work) {
  if (busy) return // a second click
  busy = true
  try {
    await work()
  } catch ({ status, message, wait }) {
    if (status === 401 && work === signIn) tell("Username or password is wrong.")
    else if (status === 401) strangers("Your session has ended. Please sign in again.")
    else if (status === 429) tell(`Too many attempts. Try again in ${wait ?? 60} seconds.`)
    else if (status < 500) tell(message)
    else tell("The server cannot answer at the moment. Nothing is lost, and nobody is signed out.", work)
  }
  busy = false
}

async function load() {
  const { authenticated } = await call("GET", "/auth/session")
  if (!authenticated) return strangers($("list").hidden ? "" : "Your session has ended. Please sign in again.")
  const [me, notes] = await Promise.all([call("GET", "/api/whoami/"), call("GET", "/api/notes/")])
  show("user")
  tell("")
  $("name").textContent = me.username
  $("list").replaceChildren(...notes.map(item))
  $("empty").hidden = notes.length > 0
}

async function signIn() {
  await call("POST", "/auth/login", fields($("sign-in")))
  tabs.postMessage("signed in")
  await load()
}

async function signOut() {
  await call("POST", "/auth/logout")
  tabs.postMessage("signed out")
  strangers("You are signed out.")
}

async function add() {
  await call("POST", "/api/notes/", fields($("add")))
  $("add").reset()
  await load()
}

function item(note) {
  const [entry, button] = [document.createElement("li"), document.createElement("button")]
  Object.assign(button, { className: "quiet", textContent: "Delete", ariaLabel: `Delete: ${note.text}` })
  button.onclick = () => attempt(() => call("DELETE", `/api/notes/${note.id}/`).then(load))
  entry.append(note.text, button)
  return entry
}

function strangers(message) {
  show("stranger")
  tell(message)
  $("list").replaceChildren()
  $("sign-in").reset()
  $("sign-in").username.focus()
}

function tell(message, work) {
  $("text").textContent = message
  $("message").hidden = !message
  $("retry").hidden = !work
  $("retry").onclick = () => attempt([signIn, signOut].includes(work) ? work : load) // a note is not sent twice
}

const on = (id, event, work) => $(id).addEventListener(event, (it) => (it.preventDefault(), attempt(work)))
on("sign-in", "submit", signIn)
on("sign-out", "click", signOut)
on("add", "submit", add)
tabs.onmessage = () => attempt(load)
attempt(load)
