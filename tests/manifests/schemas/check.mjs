// Holds the manifests against the schemas that npm has: those of Kubernetes, of the Gateway API and of Istio.
// Envoy Gateway's own are not published there. `node check.mjs FILE…` prints what is wrong and what had no schema.
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseAllDocuments } from "yaml"

const packages = ["@kubernetes-models/istio", "@kubernetes-models/gateway-api", "kubernetes-models"]
const modules = join(dirname(fileURLToPath(import.meta.url)), "node_modules")

async function modelOf({ apiVersion, kind }) {
  for (const name of packages) {
    try {
      // By path: not every package exports its files by name.
      const module = await import(join(modules, name, apiVersion, `${kind}.js`))
      return module[kind]
    } catch (error) {
      if (error.code !== "ERR_MODULE_NOT_FOUND") throw error
    }
  }
}

let checked = 0
let failed = 0
for (const file of process.argv.slice(2)) {
  for (const document of parseAllDocuments(readFileSync(file, "utf8"))) {
    const manifest = document.toJS()
    if (!manifest?.kind || manifest.kind === "Kustomization" || manifest.kind === "Component") continue
    const Model = await modelOf(manifest)
    if (!Model) {
      console.log(`no schema: ${manifest.apiVersion} ${manifest.kind}`)
      continue
    }
    try {
      new Model(manifest).validate()
      checked += 1
    } catch (error) {
      console.error(`${file}: ${manifest.kind} ${manifest.metadata?.name}: ${error.message}`)
      failed += 1
    }
  }
}
console.log(`${checked} manifests are as their schemas say`)
process.exit(failed || checked === 0 ? 1 : 0)
