"use client"

import { useSession } from "next-auth/react"
import { useEffect, useState, useTransition } from "react"

import { Unavailable } from "@/app/unavailable"
import { api, Refused, SessionEnded, type Note } from "@/lib/api"

/** The user's notes. The browser fetches them itself: its session cookie goes along, and Envoy adds the token. */
export function Notes() {
  const { status } = useSession()
  const [notes, setNotes] = useState<Note[]>()
  const [text, setText] = useState("")
  const [problem, setProblem] = useState<unknown>()
  const [pending, startTransition] = useTransition()

  /** Does something with the API, and deals with all that may go wrong. */
  function attempt(work: () => Promise<void>) {
    startTransition(async () => {
      try {
        await work()
        setProblem(undefined)
      } catch (error) {
        if (error instanceof SessionEnded) signInAgain()
        else setProblem(error)
      }
    })
  }

  const load = () => attempt(async () => setNotes(await api<Note[]>(fetch("/api/notes/"))))

  const add = () =>
    attempt(async () => {
      const headers = { "Content-Type": "application/json" }
      const note = await api<Note>(fetch("/api/notes/", { method: "POST", headers, body: JSON.stringify({ text }) }))
      setNotes((known) => [note, ...(known ?? [])])
      setText((now) => (now === text ? "" : now)) // unless the next one is being written already
    })

  const remove = (id: number) =>
    attempt(async () => {
      try {
        await api(fetch(`/api/notes/${id}/`, { method: "DELETE" }))
      } catch (error) {
        if (!(error instanceof Refused && error.status === 404)) throw error // gone: another tab was faster
      }
      setNotes((known) => known?.filter((note) => note.id !== id))
    })

  // Again when another tab has signed out or in: the API then says whether this one may go on.
  useEffect(load, [status])

  return (
    <>
      <div className="title">
        <h1>Notes</h1>
        <button className="quiet" onClick={load} disabled={pending}>
          Reload
        </button>
      </div>

      <form action={add} className="row">
        <label>
          New note
          <input value={text} onChange={(event) => setText(event.target.value)} maxLength={500} required />
        </label>
        <button disabled={pending}>Add note</button>
      </form>

      {problem instanceof Refused ? (
        <p className="problem" role="alert" data-testid="problem">
          {problem.message}
        </p>
      ) : (
        problem !== undefined && <Unavailable retry={load} pending={pending} />
      )}

      {notes ? <List notes={notes} remove={remove} pending={pending} /> : !problem && <Loading />}
    </>
  )
}

function List({ notes, remove, pending }: { notes: Note[]; remove: (id: number) => void; pending: boolean }) {
  if (notes.length === 0) {
    return (
      <p className="empty" data-testid="empty">
        No notes yet. Write the first one.
      </p>
    )
  }
  return (
    <ul className="notes" aria-label="Your notes">
      {notes.map((note) => (
        <li key={note.id} data-testid="note">
          <p>{note.text}</p>
          <time dateTime={note.created}>{written.format(new Date(note.created))}</time>
          <button className="quiet" onClick={() => remove(note.id)} disabled={pending} aria-label={`Delete: ${note.text}`}>
            Delete
          </button>
        </li>
      ))}
    </ul>
  )
}

function signInAgain() {
  // A full page load: nothing of the ended session stays in memory, or in the header.
  // eslint-disable-next-line @next/next/no-location-assign-relative-destination
  location.assign("/login?callbackUrl=/notes&reason=ended")
}

const written = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })

function Loading() {
  return (
    <p className="loading" role="status" data-testid="loading">
      Loading your notes …
    </p>
  )
}
