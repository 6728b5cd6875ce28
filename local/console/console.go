// Package console prints for a terminal of 80 columns: paragraphs, columns and
// JSON that stay within it, in colour where it is wanted.
package console

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// width is the number of columns that no line is wider than.
const width = 80

// A Console prints to a writer.
type Console struct {
	to     io.Writer
	colour bool
}

// New returns a console. With colour, what it prints holds escape codes.
func New(to io.Writer, colour bool) *Console { return &Console{to, colour} }

// WantsColour reports whether a file is a terminal whose user did not say
// otherwise: https://no-color.org.
func WantsColour(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}

// Heading prints a short line in bold, with an empty line before it.
func (c *Console) Heading(text string) {
	c.line("")
	c.line(c.paint(bold, text))
}

// Act prints a heading and what it is about.
func (c *Console) Act(title, text string) {
	c.Heading(title)
	c.Text(0, text)
	c.line("")
}

// Text prints a paragraph. A JSON object in it stands by itself, in lines that
// can be copied.
func (c *Console) Text(indent int, text string) {
	for text != "" {
		before, object, after := CutObject(text)
		c.lines(indent, wrap(before, width-indent))
		c.lines(indent+2, layOut(object, width-indent-2))
		text = after
	}
}

// Row prints cells, each but the last padded to its column's width, and the
// last one, which may not be empty, wrapped within its own.
func (c *Console) Row(indent int, widths []int, cells ...string) {
	left, column := strings.Repeat(" ", indent), indent
	for i, cell := range cells[:len(cells)-1] {
		padded := fmt.Sprintf("%-*s  ", widths[i], cell)
		column += utf8.RuneCountInString(padded)
		left += c.paint(colourOf(cell), padded)
	}
	for _, line := range wrap(cells[len(cells)-1], width-column) {
		c.line(left + line)
		left = strings.Repeat(" ", column)
	}
}

// Verbatim prints lines as they are, however wide.
func (c *Console) Verbatim(text string) { c.line(strings.TrimSuffix(text, "\n")) }

func (c *Console) lines(indent int, lines []string) {
	for _, line := range lines {
		c.line(strings.Repeat(" ", indent) + line)
	}
}

func (c *Console) line(text string) {
	_, _ = fmt.Fprintln(c.to, strings.TrimRight(text, " "))
}

// The codes of what is painted:
// https://www.ecma-international.org/publications-and-standards/standards/ecma-48/
const bold, red, green, yellow = "1", "31", "32", "33"

func (c *Console) paint(code, text string) string {
	if !c.colour || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// colourOf returns the colour of a status or verdict, or nothing.
func colourOf(cell string) string {
	switch {
	case cell == "FAIL" || strings.HasSuffix(cell, "_FAILED") || strings.Contains(cell, "ROLLBACK"):
		return red
	case cell == "WARN" || cell == "NOT_TESTED" || strings.HasSuffix(cell, "_IN_PROGRESS"):
		return yellow
	case cell == "PASS" || strings.HasSuffix(cell, "_COMPLETE"):
		return green
	}
	return ""
}
