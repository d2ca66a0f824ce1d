"use client"

import Link from "next/link"
import { usePathname } from "next/navigation"
import { signOut, useSession } from "next-auth/react"
import { useState } from "react"

const pages = [
  ["/notes", "Notes"],
  ["/profile", "Profile"],
] as const

export function Header() {
  const { data: session } = useSession()
  const path = usePathname()

  return (
    <header className="top">
      <div>
        <Link href="/" className="brand">
          Notebook
        </Link>
        {session && (
          <nav aria-label="Pages">
            {pages.map(([href, name]) => (
              <Link key={href} href={href} aria-current={path === href ? "page" : undefined}>
                {name}
              </Link>
            ))}
          </nav>
        )}
        <div className="side">
          {session ? <SignOut name={session.user?.name} /> : path !== "/login" && <Link href="/login">Sign in</Link>}
        </div>
      </div>
    </header>
  )
}

function SignOut({ name }: { name?: string | null }) {
  const [leaving, setLeaving] = useState(false)

  async function leave() {
    setLeaving(true)
    try {
      await signOut({ callbackUrl: "/login?reason=signed-out" })
    } catch {
      setLeaving(false)
    }
  }

  return (
    <>
      <span data-testid="user">{name}</span>
      <button className="quiet" onClick={leave} disabled={leaving}>
        Sign out
      </button>
    </>
  )
}
