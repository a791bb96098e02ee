"""Provisioning by the dozen: for each device a one-time code, the file it enrols from, and a printed label.

`units` says for which lines, `first_boot` and `sheet` make the texts (pure), `folder` gives out the codes and writes. The code
of a device stands in these files and nowhere else: the ledger keeps it hashed. Its key is made on the device.
"""
