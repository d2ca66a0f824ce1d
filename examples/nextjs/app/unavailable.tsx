"use client"

import { useRouter } from "next/navigation"
import { useTransition } from "react"

/** What a page shows while Django, or the relay, cannot be asked. Nobody is signed out because of it. */
export function Unavailable({ retry, pending }: { retry: () => void; pending: boolean }) {
  return (
    <div className="problem" role="alert" data-testid="unavailable">
      <p>The service cannot be reached at the moment. You are still signed in, and nothing is lost.</p>
      <button onClick={retry} disabled={pending}>
        {pending ? "Trying …" : "Try again"}
      </button>
    </div>
  )
}

/** The same for a server component's page: trying again renders it anew. */
export function UnavailablePage() {
  const router = useRouter()
  const [pending, startTransition] = useTransition()
  return <Unavailable retry={() => startTransition(() => router.refresh())} pending={pending} />
}
