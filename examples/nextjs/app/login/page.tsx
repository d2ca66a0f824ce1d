import type { Metadata } from "next"

import { LoginForm } from "./form"

export const metadata: Metadata = { title: "Sign in" }

const reasons: Record<string, string> = {
  ended: "Your session has ended. Please sign in again.",
  "signed-out": "You are signed out.",
}

export default async function Login({ searchParams }: PageProps<"/login">) {
  const { callbackUrl, reason } = await searchParams
  const notice = typeof reason === "string" && Object.hasOwn(reasons, reason) ? reasons[reason] : undefined

  return (
    <section className="card narrow">
      <h1>Sign in</h1>
      {notice && (
        <p className="notice" role="status" data-testid="notice">
          {notice}
        </p>
      )}
      <LoginForm callbackUrl={typeof callbackUrl === "string" ? callbackUrl : "/notes"} />
    </section>
  )
}
