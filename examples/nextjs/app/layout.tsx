import type { Metadata } from "next"
import type { ReactNode } from "react"

import { Header } from "@/app/header"
import { SessionProvider } from "@/app/session-provider"
import { currentSession } from "@/lib/session"

import "./globals.css"

export const metadata: Metadata = {
  title: { default: "Notebook", template: "%s · Notebook" },
  description: "Next.js in front of a Django API, without tokens in the browser.",
}

export default async function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <SessionProvider session={await currentSession()}>
          <Header />
          <main>{children}</main>
        </SessionProvider>
      </body>
    </html>
  )
}
