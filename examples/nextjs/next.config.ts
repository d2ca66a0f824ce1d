import type { NextConfig } from "next"

// The Content-Security-Policy, which needs a fresh nonce for each page, is in proxy.ts. Strict-Transport-Security
// belongs to what ends TLS: Envoy.
const config: NextConfig = {
  poweredByHeader: false,
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "X-Content-Type-Options", value: "nosniff" },
        { key: "Referrer-Policy", value: "same-origin" },
      ],
    },
  ],
}

export default config
