import type { Metadata } from "next"
import { redirect } from "next/navigation"

import { UnavailablePage } from "@/app/unavailable"
import { api, SessionEnded, Unavailable, type Note } from "@/lib/api"
import { relay } from "@/lib/relay"
import { requireSession } from "@/lib/session"

export const metadata: Metadata = { title: "Profile" }

type WhoAmI = { username: string; exp: number }

/** Asks Django in a server component: the user's cookie goes to Envoy, which adds the token. */
async function load() {
  try {
    return await Promise.all([api<WhoAmI>(relay("/api/whoami/")), api<Note[]>(relay("/api/notes/"))])
  } catch (error) {
    if (error instanceof Unavailable) return undefined
    if (error instanceof SessionEnded) redirect("/login?callbackUrl=/profile&reason=ended")
    throw error
  }
}

export default async function Profile() {
  await requireSession("/profile")
  const answers = await load()
  if (!answers) {
    return (
      <>
        <h1>Profile</h1>
        <UnavailablePage />
      </>
    )
  }
  const [me, notes] = answers

  return (
    <>
      <h1>Profile</h1>
      <p className="lead">Django told this to the Next.js server, which had only your cookie to show.</p>
      <dl className="facts">
        <div>
          <dt>Username</dt>
          <dd data-testid="username">{me.username}</dd>
        </div>
        <div>
          <dt>Notes</dt>
          <dd data-testid="note-count">{notes.length}</dd>
        </div>
        <div>
          <dt>Access token</dt>
          <dd>
            out of your sight, and good until{" "}
            <time dateTime={new Date(me.exp * 1000).toISOString()} data-testid="token-expiry">
              {new Date(me.exp * 1000).toISOString().slice(11, 19)} UTC
            </time>
            . After that the relay fetches a new one.
          </dd>
        </div>
      </dl>
    </>
  )
}
