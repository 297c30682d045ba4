"""The functions that `python -m tools.generate` writes from the rules of models and tables.

`decoders`, `encoders` and `equality` write the functions of one model, `rows` those of one table,
`lines` has what they share, and `files` makes the modules. As source text, because one closure per
field takes three times as long; as modules, because compiling the text in each new process took a
quarter of its first save.
"""
