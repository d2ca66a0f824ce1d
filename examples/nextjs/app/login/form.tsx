"use client"

import { signIn } from "next-auth/react"
import { useActionState } from "react"

export function LoginForm({ callbackUrl }: { callbackUrl: string }) {
  const [state, submit, pending] = useActionState(
    async (_: unknown, form: FormData) => {
      const username = String(form.get("username"))
      const problem = await login(username, String(form.get("password")))
      // A full page load: nothing that was loaded for whoever was signed in before stays in memory.
      if (!problem) location.assign(sameOrigin(callbackUrl))
      return { username, problem }
    },
    { username: "", problem: undefined },
  )

  return (
    <form action={submit} className="stack">
      <label>
        Username
        <input name="username" autoComplete="username" autoCapitalize="none" defaultValue={state.username} required />
      </label>
      <label>
        Password
        <input name="password" type="password" autoComplete="current-password" required />
      </label>
      {!pending && state.problem && (
        <p className="problem" role="alert" data-testid="problem">
          {state.problem}
        </p>
      )}
      <button disabled={pending}>{pending ? "Signing in …" : "Sign in"}</button>
    </form>
  )
}

/** Signs in, or says why not. */
async function login(username: string, password: string) {
  try {
    const answer = await signIn("credentials", { username, password, redirect: false })
    if (answer?.ok && !answer.error) return undefined
    // What `authorize` threw: next-auth 5 passes it on as `code`, next-auth 4 as `error`.
    return explain(String((answer && "code" in answer && answer.code) || answer?.error))
  } catch {
    return explain("unavailable")
  }
}

function explain(failure: string) {
  const [kind, seconds] = failure.split(":")
  switch (kind) {
    case "credentials":
      return "Username or password is wrong."
    case "throttled":
      return `Too many attempts. Please try again in ${seconds} seconds.`
    default:
      return "The service is not reachable just now. Please try again in a moment."
  }
}

/** Where to go after signing in. It came from the address bar: only this site's own paths are followed. */
function sameOrigin(path: string) {
  const url = new URL(path, location.origin)
  return path.startsWith("/") && url.origin === location.origin ? url.href : "/notes"
}
