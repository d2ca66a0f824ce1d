/** The session is over: only signing in helps. */
export class SessionEnded extends Error {}

/** Django, the relay or the network cannot answer just now. The session lives on: trying again helps. */
export class Unavailable extends Error {}

/** Django, or the relay, does not want what was sent, and says why. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message)
  }
}

export type Note = { id: number; text: string; created: string }

/**
 * Waits for an answer of the API and reads it. For the browser, `api(fetch("/api/notes/"))`, and for the
 * server, `api(relay("/api/notes/"))`. Neither handles a token: Envoy adds it on the way to Django.
 */
export async function api<T>(call: Promise<Response>): Promise<T> {
  let answer: Response
  try {
    answer = await call
  } catch {
    throw new Unavailable()
  }
  if (answer.status === 401) throw new SessionEnded()
  if (answer.status === 429 || answer.status >= 500) throw new Unavailable()
  const body = await answer.json().catch(() => undefined)
  if (!answer.ok) throw new Refused(reason(body) ?? `The answer was ${answer.status}.`, answer.status)
  if (body === undefined && answer.status !== 204) throw new Unavailable() // it was cut off
  return body
}

/** The first message of `{"text": ["May not be blank."]}` or `{"detail": "Not found."}`. */
function reason(body: unknown) {
  const first = Object.values(body ?? {}).flat()[0]
  return typeof first === "string" ? first : undefined
}
