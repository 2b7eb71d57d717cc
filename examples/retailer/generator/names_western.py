"""First names, surnames and surname parts of the western European and American origins.

Most common first; the order is the frequency rank. Data only: drawing from it is `name_pools.py`.
"""

ENGLISH_MALE = """
Oliver George James William Thomas John David Robert Michael Daniel Joseph Charles Matthew Andrew
Christopher Edward Richard Benjamin Samuel Harry Jack Alexander Henry Peter Paul Mark Stephen Anthony
Nicholas Jonathan Simon Philip Kenneth Alan Ian Colin Graham Stuart Keith Martin Kevin Brian Gary Adam
Luke Joshua Ryan Jacob Ethan Nathan Aaron Lewis Callum Liam Connor Owen Rhys Dylan Gareth Alfie Archie
Oscar Leo Freddie Theodore Arthur Frederick Albert Walter Ronald Donald Raymond Gerald Lawrence Patrick
Vincent Timothy Gregory Jeffrey Douglas Dennis Roger Ralph Eugene Wayne Craig Scott Bradley Derek Trevor
Duncan Malcolm Russell Julian Adrian Dominic Tobias Elliot Max Zachary Tyler Brandon Justin Austin Logan
Mason Hunter Caleb Isaac Elijah Noah Levi Wyatt Carter"""
ENGLISH_FEMALE = """
Olivia Emily Charlotte Sarah Elizabeth Mary Margaret Susan Jennifer Katherine Jessica Emma Amelia Sophie
Victoria Rebecca Patricia Linda Barbara Helen Christine Julie Karen Amanda Nicola Alison Jacqueline
Deborah Samantha Michelle Laura Rachel Hannah Lucy Chloe Grace Ella Lily Isabella Ava Mia Evie Poppy Freya
Florence Daisy Alice Rosie Matilda Phoebe Harriet Abigail Eleanor Georgia Molly Megan Bethany Lauren Gemma
Natalie Stephanie Claire Joanne Tracey Sharon Heather Fiona Kirsty Catriona Eilidh Sian Carys Bronwen
Dorothy Joan Jean Sheila Maureen Kathleen Pamela Sandra Carol Janet Judith Frances Ruth Martha Nancy
Virginia Theresa Marilyn Beverly Denise Cheryl Brenda Kimberly Ashley Brittany Courtney Madison Savannah
Hailey Kayla Brooklyn Audrey Naomi Josephine Caroline"""
ENGLISH_SURNAMES = """
Smith Jones Williams Taylor Brown Davies Evans Wilson Thomas Johnson Roberts Robinson Thompson Wright
Walker White Edwards Hughes Green Hall Lewis Harris Clarke Patterson Jackson Wood Turner Martin Cooper
Hill Ward Morris Moore Clark Lee King Baker Harrison Morgan Allen James Scott Phillips Watson Davis Parker
Price Bennett Young Griffiths Mitchell Kelly Cook Carter Richardson Bailey Collins Bell Shaw Murphy Miller
Cox Marshall Anderson Simpson Ellis Adams Wilkinson Foster Chapman Mason Webb Rogers Gray Hunt Mills
Holmes Palmer Matthews Gibson Fisher Knight Butler Barker Stevens Jenkins Dixon Fletcher Hunter Harvey
Ferguson Graham Murray Campbell MacDonald Stewart Reid Sullivan O'Brien O'Connor Byrne Walsh Doyle
McCarthy Gallagher Kennedy Quinn Nelson Armstrong Crawford Lawson Burton Freeman Washington Jefferson
Coleman Brooks Bryant Alexander Hayes Russell Sanders Powell Perry Long Henderson Barnes Warren Spencer
Lowe Nicholson Fox Hart Payne Pearson Porter Reynolds Saunders Sharp Sutton Wallace Watts Woods Yates
Hawkins Howard Hudson Kerr Lambert Lynch Newman Norris Osborne Parsons Potter Poole Rose Rowe Stone Todd"""
ENGLISH_PARTS = (
    """Ash Black Brad Brom Burn Carl Chat Clay Cold Crom Dal Den East Ed El Fair Far Fen Glad Gold Gran Hales
    Ham Hart Hather Hay Hazel Hol Hurst Kirk Lang Lin Lock Lud Mar Mel Mid Nether New Nor Oak Old Pem Pen
    Raven Red Rock Ruther Sand Shel Sher Stan Staf Strat Sun Thorn Wake Wal Wat West Whit Win Wood Wy Yard""",
    """ford ton ley worth well field ham wood by brook don hurst stead wick bury combe dale gate house land
    more""",
)

GERMAN_MALE = """
Thomas Michael Andreas Stefan Christian Peter Klaus Wolfgang Jürgen Hans Johannes Matthias Markus Martin
Alexander Daniel Florian Sebastian Tobias Jan Lukas Leon Paul Jonas Felix Maximilian Ben Finn Elias Noah
Luis Moritz Philipp Tim Niklas David Julian Fabian Dominik Kevin Marcel Dennis Sven Torsten Jörg Uwe Ralf
Frank Dirk Bernd Werner Heinz Günter Manfred Helmut Horst Gerhard Karl Friedrich Wilhelm Heinrich Josef
Franz Georg Anton Ludwig Otto Rudolf Rainer Dieter Norbert Holger Axel Carsten Björn Lars Nils Henrik
Oskar Emil Theo Jakob Johann Benedikt Konstantin Valentin Raphael Simon Patrick Robin Kai Oliver Christoph
Volker Ingo Olaf"""
GERMAN_FEMALE = """
Sabine Petra Monika Ursula Renate Andrea Claudia Susanne Birgit Karin Gabriele Heike Katharina Anna Julia
Stefanie Christina Nicole Sandra Melanie Katrin Anja Tanja Silke Martina Kerstin Ulrike Barbara Brigitte
Helga Ingrid Elisabeth Maria Christa Erika Gisela Hannelore Jutta Angelika Cornelia Daniela Yvonne Jessica
Sarah Laura Lisa Lena Lea Marie Sophie Emma Mia Hannah Emilia Johanna Charlotte Clara Frieda Ida Mathilda
Luisa Paula Greta Amelie Franziska Theresa Magdalena Veronika Eva Miriam Judith Antje Wiebke Maike Svenja
Jana Nadine Bianca Simone Manuela Carola Regina Roswitha Edeltraud Waltraud Käthe Zoë Annegret Friederike
Leonie Pauline Helene"""
GERMAN_SURNAMES = """
Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Schäfer Koch Bauer Richter
Klein Wolf Schröder Neumann Schwarz Zimmermann Braun Krüger Hofmann Hartmann Lange Schmitt Werner Schmitz
Krause Meier Lehmann Schmid Schulze Maier Köhler Herrmann König Walter Mayer Huber Kaiser Fuchs Peters
Lang Scholz Möller Weiß Jung Hahn Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck
Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer Vogt Stein
Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Schulte Dietrich Ziegler Kuhn Kühn Pohl
Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff Pfeiffer Ernst Hübner Kramer Kurz Nowak Förster
Lindner Götz Weiss Beyer Böttcher Thiel Ritter Paul Barth Kaufmann Heß Riedel Wendt Schilling Stahl Bähr
Löffler Großmann Straßer Preuß"""
GERMAN_PARTS = (
    """Alten Neu Ober Nieder Unter Stein Birken Eichen Linden Buchen Rosen Schön Grün Wald Berg Hoch Tief
    Lang Breit Mühl Kirch Brück Hammer Eisen Silber Gold Kalten Warm Sommer Winter Oster Wester Hinter
    Vorder Groß Klein Acker Wiesen Felden Bach Horst Dorn Falken Adler Hirsch Reh Fuchs Löwen Königs
    Herzogs Burg""",
    "bauer mann hofer meier berger müller stein bach feld huber thaler brunner schmidt rieder wald hauser",
)

HISPANIC_MALE = """
José Juan Luis Carlos Jesús Antonio Miguel Francisco Manuel Alejandro Jorge Pedro Ricardo Fernando Eduardo
Javier Raúl Sergio Roberto Mario Diego Rafael Andrés Héctor Óscar Ángel Mateo Santiago Emilio Ramón
Gustavo Enrique Alberto Guillermo Ernesto"""
HISPANIC_FEMALE = """
María Guadalupe Ana Carmen Rosa Isabel Elena Sofía Valentina Camila Gabriela Lucía Daniela Alejandra
Adriana Verónica Patricia Leticia Yolanda Silvia Teresa Mónica Claudia Paula Marisol Esperanza Ximena
Fernanda Beatriz Pilar Dolores Inés Juana Luz Consuelo"""
HISPANIC_SURNAMES = """
García Rodríguez Martínez Hernández López González Pérez Sánchez Ramírez Torres Flores Rivera Gómez Díaz
Reyes Morales Cruz Ortiz Gutiérrez Chávez Ramos Ruiz Mendoza Álvarez Castillo Jiménez Vásquez Moreno
Romero Herrera Medina Aguilar Vargas Castro Guzmán Fernández Muñoz Salazar Rojas Soto Contreras Delgado
Peña Ríos Navarro Acosta Cabrera Figueroa Maldonado Molina Núñez Ortega Padilla Pacheco Solís Valdez
Velasco Zamora"""

ITALIAN_MALE = """
Marco Giuseppe Antonio Francesco Giovanni Luca Andrea Alessandro Matteo Lorenzo Davide Salvatore Vincenzo
Paolo Stefano Fabio Roberto Angelo Domenico Nicolò"""
ITALIAN_FEMALE = """
Maria Giulia Francesca Anna Chiara Sara Valentina Alessia Martina Elisa Laura Paola Silvia Federica
Giorgia Rosa Angela Giovanna Beatrice Ilaria"""
ITALIAN_SURNAMES = """
Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino Greco Bruno Gallo Conti De_Luca Mancini
Costa Giordano Rizzo Lombardi Moretti Barbieri Fontana Santoro Mariani Rinaldi Caruso Ferrara Galli"""
