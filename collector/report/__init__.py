"""The report: a case as a signed PDF for whoever decides a dispute, with what a machine can check attached to it.

    blocks, sections    what the report says, in pieces without any layout: pure
    style, picture      the page's own pictures and style sheet, drawn into a PDF
    pages               the pieces set on pages (fpdf2)
    attached            what of the evidence goes with it
    certificate, sign   the report's key and certificate, and the signature: PAdES (pyHanko)
    make                the use case: all of it in order

Needs the extra `report`; without it the collector says what to install. `collector.evidence.pdf` checks what is made here.
"""
