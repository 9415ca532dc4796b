import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env.ASSAY_SERVER ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": new URL("./src", import.meta.url).pathname } },
  build: { outDir: "../src/assay/web_dist", emptyOutDir: true, chunkSizeWarningLimit: 900, license: { fileName: "LICENSES.md" } },
  server: {
    proxy: {
      "/api": { target: server, changeOrigin: true, headers: { origin: server } },
      "/mlflow": { target: server, changeOrigin: true },
    },
  },
  test: { environment: "node", include: ["src/**/*.test.ts"] },
} as Parameters<typeof defineConfig>[0]);
