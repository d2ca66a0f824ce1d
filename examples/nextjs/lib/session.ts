import { cookies } from "next/headers"
import { redirect } from "next/navigation"
import { cache } from "react"

import { auth } from "@/auth"

/** Who is signed in. Asked once per page, however many of its components want to know. */
export const currentSession = cache(() => auth())

/** For pages that need a user: sends everybody else to the sign-in page. */
export async function requireSession(path: string) {
  if (await currentSession()) return
  const query = new URLSearchParams({ callbackUrl: path })
  // Server components cannot delete a cookie. The next login replaces it; until then it says that there was a session.
  const before = (await cookies()).getAll().some(({ name }) => name.includes("session-token"))
  if (before) query.set("reason", "ended")
  redirect(`/login?${query}`)
}
