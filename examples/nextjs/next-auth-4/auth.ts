import NextAuth, { getServerSession, type NextAuthOptions } from "next-auth"
import type {} from "next-auth/jwt"
import Credentials from "next-auth/providers/credentials"

import { hasEnded, login, logout } from "@/lib/relay"

declare module "next-auth" {
  interface User {
    sid?: string
  }
}
declare module "next-auth/jwt" {
  interface JWT {
    sid?: string
  }
}

// next-auth 4 has another name for it. Without it the origin would be whatever x-forwarded-host says.
process.env.NEXTAUTH_URL ??= process.env.AUTH_URL

// Not longer than Django's REFRESH_TOKEN_LIFETIME.
const maxAge = 86400

const options: NextAuthOptions = {
  pages: { signIn: "/login", error: "/login" },
  session: { strategy: "jwt", maxAge },
  // Without this the first cookie could be decrypted for 30 days.
  jwt: { maxAge },
  providers: [
    Credentials({
      credentials: { username: {}, password: { type: "password" } },
      async authorize(credentials) {
        const { username = "", password = "" } = credentials ?? {}
        const answer = await login(username, password)
        // Reaches the sign-in page as `error`.
        if (typeof answer === "string") throw new Error(answer)
        return { id: String(answer.user_id ?? username), name: username, sid: answer.session_id }
      },
    }),
  ],
  callbacks: {
    /** What the encrypted cookie holds: the session's id, and never a token. The relay reads it from there. */
    async jwt({ token, user }) {
      if (user) return { ...token, sid: user.sid }
      // Ended elsewhere: sign out here, too. next-auth 4 does so when this throws, and logs JWT_SESSION_ERROR.
      if (!token.sid || (await hasEnded())) throw new Error("the session has ended")
      return token
    },
    /** What the browser gets to see: not the id. */
    session: ({ session, token }) => ({ expires: session.expires, user: { name: token.name } }),
  },
  events: {
    async signOut({ token }) {
      if (token?.sid) await logout(token.sid)
    },
  },
}

const handler = NextAuth(options)

// Named as in next-auth 5, so that the rest of the application is the same for both.
export const handlers = { GET: handler, POST: handler }
export const auth = () => getServerSession(options)
