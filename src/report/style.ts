import { styleText } from 'node:util';

type Paint = (text: string) => string;

/** Ways to highlight text, with or without colour. */
export interface Style {
  readonly strong: Paint;
  readonly faint: Paint;
  readonly good: Paint;
  readonly caution: Paint;
  readonly bad: Paint;
}

const paint =
  (format: Parameters<typeof styleText>[0]): Paint =>
  (text) =>
    text === '' ? '' : styleText(format, text, { validateStream: false });

const asItIs: Paint = (text) => text;

export const colourful: Style = {
  strong: paint('bold'),
  faint: paint('dim'),
  good: paint('green'),
  caution: paint('yellow'),
  bad: paint('red'),
};

export const plain: Style = {
  strong: asItIs,
  faint: asItIs,
  good: asItIs,
  caution: asItIs,
  bad: asItIs,
};
