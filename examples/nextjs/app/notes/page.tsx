import type { Metadata } from "next"

import { requireSession } from "@/lib/session"

import { Notes } from "./notes"

export const metadata: Metadata = { title: "Notes" }

export default async function NotesPage() {
  await requireSession("/notes")
  return <Notes />
}
