// Mantine's side of the look: fonts, radii and button variants. Colours themselves are CSS variables in styles/tones.css, so
// that light and dark stand side by side in one file.

import { createTheme, defaultVariantColorsResolver } from '@mantine/core';
import type { MantineColorsTuple, VariantColorsResolver } from '@mantine/core';

const ink: MantineColorsTuple = [
  '#f5f6f8',
  '#e6e9ee',
  '#cbd2da',
  '#aab3bf',
  '#8590a0',
  '#667080',
  '#4b5563',
  '#343c48',
  '#222933',
  '#14181f',
];

/** Mantine's greys of the dark scheme, in the hue of ours: fields, hovers and borders come from here. */
const dark: MantineColorsTuple = [
  '#e8ebf0',
  '#c3cad5',
  '#9ba6b5',
  '#7d8898',
  '#3b4553',
  '#272f3a',
  '#12161c',
  '#161b22',
  '#0f1319',
  '#0a0d11',
];

/** Button variants by meaning: primary, approve, deny, quiet. */
const variants: VariantColorsResolver = (input) => {
  switch (input.variant) {
    case 'primary':
      return solid('ink');
    case 'approve':
      return solid('ok');
    case 'deny':
      return solid('bad');
    case 'quiet':
      return { background: 'transparent', hover: 'var(--sp-hover)', color: 'var(--sp-text)', border: '1px solid transparent' };
    case 'default':
      return {
        background: 'var(--sp-surface)',
        hover: 'var(--sp-hover)',
        color: 'var(--sp-text)',
        border: '1px solid var(--sp-line-strong)',
      };
    default:
      return defaultVariantColorsResolver(input);
  }
};

function solid(tone: 'ink' | 'ok' | 'bad') {
  return {
    background: `var(--sp-${tone}-solid)`,
    hover: `var(--sp-${tone}-solid-hover)`,
    color: `var(--sp-${tone}-on-solid)`,
    border: '1px solid transparent',
  };
}

/** A cross says nothing to those who do not see it. */
const closeButtonProps = { 'aria-label': 'Close' };

export const theme = createTheme({
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "'JetBrains Mono Variable', ui-monospace, monospace",
  colors: { ink, dark },
  primaryColor: 'ink',
  primaryShade: { light: 9, dark: 2 },
  defaultRadius: 6,
  cursorType: 'pointer',
  respectReducedMotion: true,
  variantColorResolver: variants,
  components: {
    Button: { defaultProps: { variant: 'default' } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45 }, closeButtonProps } },
    Drawer: { defaultProps: { overlayProps: { backgroundOpacity: 0.35 }, closeButtonProps } },
  },
});
