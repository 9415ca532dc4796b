import { createTheme, localStorageColorSchemeManager, type MantineColorsTuple } from "@mantine/core";

const lagoon: MantineColorsTuple = [
  "#e6f6f8", "#d0e9ee", "#a2d2dc", "#70bac9", "#49a6b9", "#309ab0", "#1f8ea5", "#0b7285", "#06657a", "#00576a",
];

export const theme = createTheme({
  primaryColor: "lagoon",
  primaryShade: 7,
  colors: { lagoon },
  defaultRadius: "sm",
  cursorType: "pointer",
  autoContrast: true,
  luminanceThreshold: 0.35,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace",
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.55rem" }, h2: { fontSize: "1.2rem" }, h3: { fontSize: "1.02rem" } } },
  components: {
    Modal: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    Drawer: { defaultProps: { closeButtonProps: { "aria-label": "Close" } } },
    Anchor: { defaultProps: { inherit: true } },
    Badge: { styles: { root: { flexShrink: 0, minWidth: "max-content" } } },
    Table: { defaultProps: { verticalSpacing: 6, highlightOnHover: true } },
    Tooltip: { defaultProps: { withArrow: true, openDelay: 250, events: { hover: true, focus: true, touch: true } } },
  },
});

export const colourScheme = localStorageColorSchemeManager({ key: "assay-colour-scheme" });

/** Meaning to colour, in badges, reports and charts alike. */
export const TONES = { good: "teal", bad: "red", unsure: "yellow", plain: "gray" } as const;
export type Tone = keyof typeof TONES;
