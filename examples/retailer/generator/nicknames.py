"""Short and familiar forms of first names, as customers type them. Our own modest list, one line per full
name.
"""

_LINES = """
Robert Bob Rob Bobby|William Bill Will Billy|James Jim Jimmy Jamie|John Jack Johnny|Michael Mike Mick Micha
Thomas Tom Tommy|Richard Rick Dick Richie|Charles Charlie Chuck|Joseph Joe Joey|David Dave|Daniel Dan Danny
Christopher Chris Kit|Matthew Matt|Anthony Tony|Andrew Andy Drew|Edward Ed Eddie Ted|Benjamin Ben Benny
Samuel Sam Sammy|Alexander Alex Sandy Xander|Henry Harry Hank|Stephen Steve|Jonathan Jon Jonny|Nicholas Nick
Timothy Tim|Gregory Greg|Jeffrey Jeff|Kenneth Ken Kenny|Ronald Ron|Donald Don|Raymond Ray|Lawrence Larry
    Laurie
Patrick Pat Paddy|Philip Phil|Peter Pete|Joshua Josh|Zachary Zach|Frederick Fred Freddie|Arthur Art|Albert
    Bert Al
Theodore Theo Ted|Dominic Dom|Vincent Vince|Gerald Gerry|Douglas Doug|Malcolm Mal|Isaac Ike|Walter Walt
Katherine Katie Kate Kathy|Elizabeth Liz Beth Lizzie Betty|Margaret Maggie Peggy Meg|Susan Sue Susie|Jennifer
    Jen Jenny
Rebecca Becky Becca|Victoria Vicky Tori|Jessica Jess|Patricia Pat Trish|Barbara Barb Babs|Christine Chris
    Chrissie
Amanda Mandy|Deborah Debbie Deb|Samantha Sam|Jacqueline Jackie|Alison Ali|Abigail Abby|Eleanor Ellie Nell
Charlotte Lottie Charlie|Isabella Bella Izzy|Matilda Tilly|Florence Flo|Harriet Hattie|Stephanie
    Steph|Natalie Nat
Joanne Jo|Kathleen Kath|Pamela Pam|Dorothy Dot Dottie|Judith Judy|Frances Fran|Theresa Terry Tess|Virginia
    Ginny
Kimberly Kim|Caroline Caro Carrie|Josephine Josie Jo|Madison Maddie|Amelia Millie|Olivia Liv|Emily Em|Georgia
    Georgie
Johannes Hans Hannes|Hans Hansi|Matthias Matze|Sebastian Basti|Maximilian Max Maxi|Tobias Tobi|Stefan Steffen
Christian Chris|Andreas Andi|Markus Mark|Wolfgang Wolf|Wilhelm Willi|Friedrich Fritz|Heinrich Heinz
    Heiner|Josef Sepp
Georg Schorsch|Karl Kalle|Florian Flo|Benedikt Bene|Konstantin Kosta|Christoph Chris|Niklas Nik|Klaus
    Claus|Ludwig Lutz
Katharina Kathi Käthe|Elisabeth Lisa Elli Sissi|Susanne Susi Sanne|Gabriele Gabi|Brigitte Gitte|Stefanie
    Steffi
Christina Tina Chris|Angelika Geli|Magdalena Lena|Franziska Franzi|Johanna Hanna Jo|Theresa Resi|Ursula Uschi
    Ulla
Renate Rena|Monika Moni|Sabine Bine|Barbara Bärbel|Ulrike Uli|Hannelore Hanne|Friederike Rike|Cornelia Conny
José Pepe|Francisco Paco Frank|Jesús Chuy|Alejandro Alex|Guadalupe Lupe|Roberto Beto|Eduardo Eddie
    Lalo|Guillermo Memo
María Mari|Dolores Lola|Isabel Isa|Alejandra Ale|Giuseppe Peppe Beppe|Francesco Franco Checco|Giovanni Gianni
    Nino
Katarzyna Kasia|Małgorzata Gosia|Agnieszka Aga|Aleksandra Ola|Krzysztof Krzys Chris|Tomasz Tomek|Piotr
    Piotrek Peter
Mohammed Mo Muhammad|Mustafa Musti|Mehmet Memo|Rajesh Raj|Vikram Vik|Aleksandr Sascha|Ekaterina Katja|Dmitri
    Dima
Sergei Serjoscha|Tatiana Tanja|Oluwaseun Seun|Emmanuel Manny|Temitope Temi|Babatunde Tunde|Chukwuemeka Emeka
"""

NICKNAMES: dict[str, list[str]] = {
    forms[0]: forms[1:]
    for line in _LINES.strip().splitlines()
    for forms in [e.split() for e in line.split("|")]
    if forms
}
