// What reports/page/packed.py packed, as text: base64 of deflated UTF-8.
const inflated = async (packed) => {
  const letters = atob(packed.textContent.trim()), bytes = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place += 1) bytes[place] = letters.charCodeAt(place);
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
};
