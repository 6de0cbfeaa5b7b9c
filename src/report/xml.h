/*
 * Text in XML 1.0: whatever it holds, the document stays well-formed.
 */
#ifndef NBFORK_REPORT_XML_H
#define NBFORK_REPORT_XML_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Appends n bytes of text, fit for an element or for an attribute in double quotes: markup is escaped, terminal escape
 * sequences and the characters that XML 1.0 knows no way to write are left out, ill-formed bytes become U+FFFD. A line
 * end stays one ("\r\n" too), in an attribute as a reference to it; a carriage return alone shows what came behind it.
 */
void xml_put(struct buf *b, const char *p, size_t n);
void xml_put_attribute(struct buf *b, const char *s);	/* NULL gives nothing */

/* Appends ' NAME="TEXT"'. */
void xml_attribute(struct buf *b, const char *name, const char *text);

#endif
