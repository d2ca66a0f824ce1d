import NextAuth, { CredentialsSignin } from "next-auth"
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

/** Reaches the sign-in page as `code`. */
class LoginFailed extends CredentialsSignin {
  constructor(code: string) {
    super()
    this.code = code
  }
}

export const { handlers, auth } = NextAuth({
  pages: { signIn: "/login", error: "/login" },
  // Not longer than Django's REFRESH_TOKEN_LIFETIME.
  session: { strategy: "jwt", maxAge: 86400 },
  providers: [
    Credentials({
      credentials: { username: {}, password: { type: "password" } },
      async authorize({ username = "", password = "" }) {
        const answer = await login(String(username), String(password))
        if (typeof answer === "string") throw new LoginFailed(answer)
        return { id: String(answer.user_id ?? username), name: String(username), sid: answer.session_id }
      },
    }),
  ],
  callbacks: {
    /** What the encrypted cookie holds: the session's id, and never a token. The relay reads it from there. */
    async jwt({ token, user }) {
      if (user) return { ...token, sid: user.sid }
      if (!token.sid || (await hasEnded())) return null // ended elsewhere: sign out here, too
      return token
    },
    /** What the browser gets to see: not the id. */
    session: ({ session, token }) => ({ expires: session.expires, user: { name: token.name } }),
  },
  events: {
    async signOut(message) {
      if ("token" in message && message.token?.sid) await logout(message.token.sid)
    },
  },
})
