// npm run bench -- SUITE … [options]; see bench/README.md
import './load.mjs';

const { main } = await import('./main.ts');
process.exit(await main(process.argv.slice(2)));
