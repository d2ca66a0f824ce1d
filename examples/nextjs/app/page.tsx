import Link from "next/link"

import { currentSession } from "@/lib/session"

export default async function Home() {
  const session = await currentSession()

  return (
    <>
      <h1>Your notes, and no token in your browser</h1>
      <p className="lead">
        Django keeps the notes and wants a bearer token with every request. The pages come from Next.js. In between,
        Envoy turns your session cookie into the token.
      </p>
      <p className="actions">
        <Link className="button" href="/notes">
          {session ? "Open your notes" : "Sign in to your notes"}
        </Link>
      </p>
      <dl className="facts">
        <div>
          <dt>Notes</dt>
          <dd>are fetched by the browser, with nothing but the cookie.</dd>
        </div>
        <div>
          <dt>Profile</dt>
          <dd>is fetched by a server component, which passes the cookie on.</dd>
        </div>
        <div>
          <dt>The cookie</dt>
          <dd>holds a random id, encrypted. The tokens stay in Redis.</dd>
        </div>
      </dl>
    </>
  )
}
