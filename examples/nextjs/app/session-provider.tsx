// next-auth 4 does not say itself that this is for the browser.
"use client"

export { SessionProvider } from "next-auth/react"
