import { createHash } from 'node:crypto';
import { defineConfig, type Plugin } from 'vite';

/** Put the bundle and its styles into the one HTML file, and let its security policy admit just that script. */
function single(): Plugin {
  return {
    name: 'single-file',
    enforce: 'post',
    generateBundle(_, bundle) {
      const page = bundle['index.html'];
      if (page?.type !== 'asset') throw new Error('no index.html was made');
      let html = String(page.source);
      const found: { code: string; styles: string } = { code: '', styles: '' };
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === 'chunk') found.code += part.code;
        else if (name.endsWith('.css')) found.styles += String(part.source);
        else if (name !== 'index.html') throw new Error(`${name} would be a file of its own`);
        if (name !== 'index.html') delete bundle[name];
      }
      // A script ends at `</script` even inside of a string; `<!--` would begin a comment.
      const code = found.code.replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
        // Its hash must hold whatever encoding the page around it has (a notebook's frame).
        .replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
        .trim();
      const hash = createHash('sha256').update(code).digest('base64');
      const policy = [
        "default-src 'none'", // no connection, no frame, no form: the page reaches nothing
        `script-src 'sha256-${hash}'`,
        "style-src 'unsafe-inline'",
        'worker-src blob:', // the layout runs in a worker made of the page's own text
        'img-src data: blob:', // pictures are exported through an image of the drawing
        'font-src data:',
        "base-uri 'none'",
        "form-action 'none'",
      ].join('; ');
      html = html
        .replace(/\s*<script type="module"[^>]*src=[^>]*><\/script>/, '')
        .replace(/\s*<link rel="stylesheet"[^>]*>/, '')
        .replace('content="CSP"', `content="${policy}"`)
        .replace('</head>', () => `<style>${found.styles.trim()}</style>\n</head>`)
        .replace('</body>', () => `<script type="module">${code}</script>\n</body>`);
      page.source = html;
    },
  };
}

/** Fonts that the page's formulas use; KaTeX has more. */
const FONTS = /KaTeX_(Main-Regular|Main-Bold|Math-Italic|AMS-Regular|Typewriter-Regular|Size[1-4]-Regular)/;

/** Keep of KaTeX's fonts those that are used, and of their formats the smallest. */
function fonts(): Plugin {
  return {
    name: 'katex-fonts',
    enforce: 'pre',
    transform(code, id) {
      if (!/katex(\.min)?\.css/.test(id)) return null;
      return code.replace(/@font-face\s*\{[^}]*\}/g, (face) =>
        FONTS.test(face) ? face.replace(/,\s*url\([^)]*\.(?:woff|ttf)\)\s*format\([^)]*\)/g, '') : '',
      );
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [fonts(), single()],
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 10_000_000,
    cssCodeSplit: false,
    modulePreload: false,
    chunkSizeWarningLimit: 5000,
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
