// Landmarks of a face with an exported network, in a browser or in Node.js, by onnxruntime-web.

/** Cuts the square of a face box [x0, y0, x1, y1] out of a photo {data (RGBA), width, height}. */
export function crop(photo, box, { input_size: size, crop: margins }) {
  const height = box[3] - box[1];
  const [x0, x1] = [box[0] - margins.margin_left * height, box[2] + margins.margin_right * height];
  const [y0, y1] = [box[1] - margins.margin_top * height, box[3] + margins.margin_bottom * height];
  const side = Math.max(x1 - x0, y1 - y0), step = side / size, n = Math.max(1, Math.round(step));
  const left = (x0 + x1 - side) / 2, top = (y0 + y1 - side) / 2;
  const pixel = (x, y, c) =>
    x < 0 || y < 0 || x >= photo.width || y >= photo.height ? 0 : photo.data[4 * (y * photo.width + x) + c];
  const pixels = new Uint8Array(size * size * 3);
  for (let row = 0; row < size; row++) for (let column = 0; column < size; column++) {
    for (let c = 0; c < 3; c++) {
      let sum = 0; // of n x n points, read bilinearly
      for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
        const y = top + (row + (i + 0.5) / n) * step - 0.5, x = left + (column + (j + 0.5) / n) * step - 0.5;
        const [fy, fx] = [Math.floor(y), Math.floor(x)], [b, r] = [y - fy, x - fx];
        sum += (1 - b) * ((1 - r) * pixel(fx, fy, c) + r * pixel(fx + 1, fy, c))
          + b * ((1 - r) * pixel(fx, fy + 1, c) + r * pixel(fx + 1, fy + 1, c));
      }
      pixels[(row * size + column) * 3 + c] = Math.round(sum / (n * n));
    }
  }
  return { pixels, step, left, top };
}

/** Returns [{x, y, height}] in the photo's pixels; the centre of the first pixel is 0.
 * `network` is the entry of that name of the .json file beside the model. */
export async function landmarks(ort, session, network, photo, box) {
  const { pixels, step, left, top } = crop(photo, box, network);
  const size = network.input_size, half = network.crop.pixel_convention === "corners" ? 0.5 : 0;
  const images = new ort.Tensor("uint8", pixels, [1, size, size, 3]);
  const found = await session.run({ images });
  return Array.from(found.heights.data, (height, i) => ({
    x: (found.landmarks.data[2 * i] - half + 0.5) * step + left - 0.5 - half,
    y: (found.landmarks.data[2 * i + 1] - half + 0.5) * step + top - 0.5 - half,
    height,
  }));
}
