import { headers } from "next/headers"

/** Envoy's internal listener. Browsers cannot reach it. */
const RELAY_URL = process.env.RELAY_URL ?? "http://127.0.0.1:8081"

/**
 * Calls Envoy in the name of the browser whose request is being answered: with its cookies, so that the relay knows
 * the session; with its address, so that Django can count failed logins; and with what it says of the page that
 * caused the request, so that the relay refuses what another site has caused.
 */
export async function relay(path: string, init: { json?: unknown; seconds?: number } = {}) {
  const browser = await headers()
  const sent = new Headers({ cookie: browser.get("cookie") ?? "" })
  const site = browser.get("sec-fetch-site")
  if (site) sent.set("sec-fetch-site", site)
  // The last address is the one that Envoy itself saw; a browser may have made up those before it. With n proxies
  // in front of Envoy (xff_num_trusted_hops) it is at(-1 - n).
  const address = browser.get("x-forwarded-for")?.split(",").at(-1)?.trim()
  if (address) sent.set("x-forwarded-for", address)
  if (init.json !== undefined) sent.set("content-type", "application/json")

  return fetch(RELAY_URL + path, {
    method: init.json === undefined ? "GET" : "POST",
    headers: sent,
    body: JSON.stringify(init.json),
    cache: "no-store",
    redirect: "manual",
    signal: AbortSignal.timeout((init.seconds ?? 10) * 1000),
  })
}

/** Why a login failed; after a colon, how many seconds to wait. */
export type LoginFailure = "credentials" | `throttled:${number}` | "unavailable"

type Login = { session_id: string; user_id: string | number | null }

/** Logs in at Django through the relay, which keeps the tokens and returns the id of a new session. */
export async function login(username: string, password: string): Promise<Login | LoginFailure> {
  try {
    const answer = await relay("/auth/login", { json: { username, password }, seconds: 40 })
    if (answer.ok) return await answer.json()
    if (answer.status === 400 || answer.status === 401) return "credentials"
    if (answer.status === 429) return `throttled:${Number(answer.headers.get("retry-after")) || 60}`
    console.error(`login: the relay answered ${answer.status}`)
  } catch (error) {
    console.error("login: the relay did not answer:", (error as Error).message)
  }
  return "unavailable"
}

/** Ends the session: the relay deletes its tokens and has Django forget the refresh token. */
export async function logout(sessionId: string) {
  const answer = await relay("/auth/logout", { json: { session_id: sessionId }, seconds: 40 })
  if (!answer.ok) throw new Error(`logout: the relay answered ${answer.status}; the session's tokens are still stored`)
}

/** Whether the browser's session has ended. If nobody can tell just now, it has not: an outage logs nobody out. */
export async function hasEnded() {
  try {
    const answer = await relay("/auth/session")
    return answer.ok && (await answer.json()).authenticated === false
  } catch {
    return false
  }
}
